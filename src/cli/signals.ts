import { constants } from 'node:os';
import { plainText } from '../runtime/foreign-errors.ts';
import { machineClock } from '../runtime/machine-clock.ts';
import { EXIT_FAILURE, EXIT_OK } from '../runtime/usage-error.ts';
import { writeFault } from './output/terminal.ts';

/** How often a process that npm started looks whether npm's shell is still there. */
const ORPHAN_CHECK_MS = 200;

/**
 * Signals that follow the first one within this time are copies of it: npm, npx and the command's own wrapper pass on what a
 * terminal, or a program that ends a process group, has sent to the whole group. On a busy machine they take a while; a person who wants
 * the process to end at once asks again.
 */
const COPIES_MS = 1000;

/** A terminal that is closed hangs up on what runs in it. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/**
 * Runs `stop` at the first of the signals and then exits with 0; a later one ends the process at once. Call it before
 * anything is started that has to be stopped.
 * @returns does as the first signal does, without one; by another way to stop, where that is given
 */
export function stopOnSignals(stop: () => Promise<unknown>, signals = STOPPING): (by?: typeof stop) => void {
  let stoppingSinceMs: number | null = null;
  const onSignal = (by = stop): void => {
    if (stoppingSinceMs !== null) {
      if (machineClock() - stoppingSinceMs >= COPIES_MS) process.exit(EXIT_FAILURE);
      return;
    }
    stoppingSinceMs = machineClock();
    by().then(
      () => process.exit(EXIT_OK),
      (error: unknown) => {
        writeFault(plainText(error));
        process.exit(EXIT_FAILURE);
      },
    );
  };
  for (const signal of signals) process.on(signal, () => onSignal());
  onLostByNpm(() => {
    if (stoppingSinceMs === null) onSignal();
  });
  return onSignal;
}

/**
 * Has something done where npm has started us, and was ended. It (`npx keyway`, `npm start`) runs commands behind a shell, to which it hands on its signals; a plain sh dies
 * of them and passes nothing on. That our parent has gone is how we learn of it.
 */
export function onLostByNpm(action: () => void): void {
  if (process.env.npm_command !== undefined) onOrphaned(action);
}

/** Has something done once our parent has gone. */
export function onOrphaned(action: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    action();
  }, ORPHAN_CHECK_MS);
  timer.unref();
}

/**
 * Waits for something that goes on without this process. If the command is interrupted meanwhile, it says so, and exits as a shell reports the signal.
 * @param notice what to say; null while there is nothing yet that goes on
 */
export async function withInterruptNote<Result>(
  notice: () => string | null,
  waiting: () => Promise<Result>,
): Promise<Result> {
  const onSignal = (signal: NodeJS.Signals): void => {
    const text = notice();
    if (text !== null) writeFault(text);
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of STOPPING) process.on(signal, onSignal);
  try {
    return await waiting();
  } finally {
    for (const signal of STOPPING) process.off(signal, onSignal);
  }
}

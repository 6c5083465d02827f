import { writeErr } from './terminal.ts';
import { EXIT_FAILURE, EXIT_OK } from './usage-error.ts';

/** How often a process that npm started looks whether npm's shell is still there. */
const ORPHAN_CHECK_MS = 200;

/** Runs `stop` at the first SIGTERM or SIGINT and then exits with 0; a second signal ends the process at once. */
export function stopOnSignals(stop: () => Promise<unknown>): void {
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(EXIT_FAILURE);
    stopping = true;
    stop().then(
      () => process.exit(EXIT_OK),
      (error: unknown) => {
        writeErr(`keyway: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(EXIT_FAILURE);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  if (process.env.npm_command !== undefined)
    onOrphaned(() => {
      if (!stopping) onSignal();
    });
}

/**
 * npm (`npx keyway`, `npm start`) runs commands behind a shell, to which it hands on its signals; a plain sh dies of them
 * and tells us nothing. That our parent has gone is how we learn of it.
 */
function onOrphaned(action: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    action();
  }, ORPHAN_CHECK_MS);
  timer.unref();
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { plainText } from '../../runtime/foreign-errors.ts';
import { EXIT_FAILURE } from '../../runtime/usage-error.ts';
import { writeFault } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const LONGEST_MS = 3_600_000;

/**
 * The backend as a command that is started first and stopped last, with all that it has started: they are a process group of their own, which
 * what a terminal sends to ours does not reach.
 */
export class BackendCommand {
  readonly #child: ChildProcess | null;
  readonly #ended: Promise<number> | null;

  /** Starts it. @param command its program and arguments; empty: the backend runs by itself */
  constructor([program, ...args]: readonly string[]) {
    this.#child = program === undefined ? null : spawn(program, args, { stdio: 'inherit', detached: true });
    this.#ended = this.#child === null ? null : exitOf(this.#child);
    // Whoever asks again for the end, or an error that nobody expects, ends this process at once: nothing would look after the command then.
    if (this.#child !== null) process.on('exit', () => this.#kill());
  }

  /** Undefined where it runs by itself, or could not be started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Runs until a signal comes, or the backend ends, whose exit code becomes this process's. A second signal ends both at once.
   * @param leave what is to be done while the backend is still there, where it is
   * @param end what is to be done once it is not
   */
  async runUntilOver(leave: () => Promise<void>, end: () => Promise<void> = async () => {}): Promise<void> {
    // A backend that ends after SIGTERM has this process neither leave twice nor end before it has left.
    let stopped: Promise<void> | null = null;
    const stop = (): Promise<void> => {
      stopped ??= this.#stop(leave, end);
      return stopped;
    };
    stopOnSignals(stop);
    if (this.#ended === null) {
      // Until the backend is well for the first time nothing else keeps the process.
      setInterval(() => {}, LONGEST_MS);
      return;
    }
    const code = await this.#ended;
    await stop();
    process.exit(code);
  }

  async #stop(leave: () => Promise<void>, end: () => Promise<void>): Promise<void> {
    await leave();
    this.#terminate();
    await this.#ended;
    await end();
  }

  /** Of a command that has ended by itself, what it has started may run on, and write. */
  #terminate(): void {
    this.#signal('SIGTERM');
  }

  #kill(): void {
    // The number of a command that has ended may be another's by now.
    if (this.#child?.exitCode === null && this.#child.signalCode === null) this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** The exit code; of a signal as a shell has it. */
async function exitOf(child: ChildProcess): Promise<number> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } catch (error) {
    writeFault(plainText(error));
    return EXIT_FAILURE;
  }
}

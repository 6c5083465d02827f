import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PRELOAD = new URL('./longest-turn.ts', import.meta.url).pathname;
const POLL_MS = 5;

/** Asks a router that was started by `start` how long its routing thread was held at most; see `longest-turn.ts`. */
export class LongestHeld {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'longest-turn');
  }

  /** Starts a process that can be asked. */
  async start<Started>(start: () => Promise<Started>): Promise<Started> {
    process.env.KEYWAY_LONGEST_TURN = this.#file;
    process.env.NODE_OPTIONS = `--import ${PRELOAD}`;
    const started = await start();
    delete process.env.NODE_OPTIONS;
    return started;
  }

  /** Milliseconds of CPU time, since it was asked last. */
  async ms(pid: number): Promise<number> {
    rmSync(this.#file, { force: true });
    process.kill(pid, 'SIGUSR2');
    while (!existsSync(this.#file) || readFileSync(this.#file, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return Number(readFileSync(this.#file, 'utf8'));
  }
}

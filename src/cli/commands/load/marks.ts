import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mark } from '../../../load/index.ts';
import { openRegistry } from '../../../registry/store/index.ts';
import { machine } from '../../../runtime/machine-clock.ts';
import { topologyText } from '../../../topology/index.ts';
import { existingRegistry } from '../../options/registry-option.ts';
import { writeFault } from '../../output/terminal.ts';
import type { TimedCommand } from './options.ts';

/** Of a command's error output, the last line is reported. */
const MAX_ERROR_CHARACTERS = 4096;
const ERRORS_COME_WITHIN_MS = 100;

/** What happened while a load ran; it also runs the commands that make it happen. */
export class Marks {
  readonly all: Mark[] = [];
  /** Commands that have failed, for people. */
  readonly failures: string[] = [];
  readonly #nowMs: () => number;
  readonly #onMark: (mark: Mark) => void;
  readonly #commands: Array<Promise<void>> = [];
  /** No command begins any more. */
  readonly #noMore = new AbortController();
  readonly #stopping = new AbortController();

  /** @param nowMs since the counting has begun. @param onMark called for each */
  constructor(nowMs: () => number, onMark: (mark: Mark) => void) {
    this.#nowMs = nowMs;
    this.#onMark = onMark;
  }

  /** The counting begins: carries commands out when it is time for them. @param registry for those of Keyway */
  begin(commands: readonly TimedCommand[], registry: string | undefined): void {
    // Where npm has started us, that is not how these are started: what they leave running may outlive them.
    const { npm_command: _, ...inherited } = process.env;
    const env = registry === undefined ? inherited : { ...inherited, KEYWAY_REGISTRY: registry };
    for (const { atMs, command } of commands) {
      const due = sleep(Math.max(0, atMs - this.#nowMs()), undefined, { signal: this.#noMore.signal });
      this.#commands.push(
        due.then(
          () => this.#carryOut(command, env),
          () => {},
        ),
      );
    }
  }

  /** Every command has ended, those too whose time has not come yet. */
  async done(): Promise<void> {
    await Promise.all(this.#commands);
  }

  /** Marks each change of a topology in a registry, from now on. A fault of the registry is reported, and no more. */
  watch(registry: string): void {
    const { signal } = this.#stopping;
    const opened = openRegistry(existingRegistry({ registry }), machine);
    const follow = async (): Promise<void> => {
      const known = new Map<string, number | null>();
      for await (const { namespace, cluster, version } of opened.topologies.watchAll(signal)) {
        const name = topologyText({ namespace, cluster });
        // Those that are there already are no changes.
        if (this.#nowMs() >= 0 && known.has(name) && known.get(name) !== version)
          this.#add(version === null ? `${name} is gone` : `${name} is at version ${version}`);
        known.set(name, version);
      }
    };
    follow()
      .catch((error: Error) => writeFault(`no marks from the registry: ${error.message}`))
      .finally(() => opened.close());
  }

  /** Nothing more begins; what runs is waited for. */
  async end(): Promise<void> {
    this.#noMore.abort();
    await this.done();
    this.#stopping.abort();
  }

  #add(text: string): void {
    const mark = { atMs: this.#nowMs(), text };
    this.all.push(mark);
    this.#onMark(mark);
  }

  async #carryOut(command: string, env: NodeJS.ProcessEnv): Promise<void> {
    const beganMs = this.#nowMs();
    this.#add(command);
    const child = spawn(command, { shell: true, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-MAX_ERROR_CHARACTERS);
    });
    const closed = new Promise((resolve) => child.once('close', resolve));
    // What it leaves running may hold its output open: its own end counts, and what has come of errors by then.
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // With nothing else left to wait for, the timer has to keep the process until the report is written.
    await Promise.race([closed, sleep(ERRORS_COME_WITHIN_MS)]);
    const took = `after ${((this.#nowMs() - beganMs) / 1000).toFixed(1)} s`;
    if (code === 0) {
      this.#add(`${command}: done ${took}`);
      return;
    }
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
    const why = errors.trim().split('\n').at(-1) ?? '';
    this.#add(`${command}: ${how} ${took}`);
    this.failures.push(`"${command}" ${how}${why === '' ? '' : `: ${why}`}`);
  }
}

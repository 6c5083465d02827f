import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import type { SeenChange, Watch, WatchStream } from '../history.ts';
import { valueText } from '../value.ts';
import type { ClientSetup } from './setup.ts';
import type { OpenWatch, WatchedChange } from './watch-transport.ts';

/** Watches one document, and comes back whenever its stream ends, where it left off. */
export class Watcher {
  readonly key: string;
  readonly #id: number;
  readonly #setup: ClientSetup;
  readonly #open: OpenWatch;
  readonly #streams: WatchStream[] = [];
  readonly #seen: SeenChange[] = [];
  #first: number | null = null;
  #cancel: () => void = () => {};
  #stopping = false;

  constructor(id: number, key: string, setup: ClientSetup, open: OpenWatch) {
    this.#id = id;
    this.key = key;
    this.#setup = setup;
    this.#open = open;
  }

  get last(): number {
    return this.#seen.at(-1)?.revision ?? this.#first ?? 0;
  }

  async run(): Promise<void> {
    const { endpoints, randomOf } = this.#setup;
    const random = randomOf(this.#id);
    let router = this.#id % endpoints.length;
    while (!this.#stopping) {
      await this.#watch(router);
      router = Math.floor(random() * endpoints.length);
      if (!this.#stopping) await pause(100 * random());
    }
  }

  #watch(router: number): Promise<void> {
    const begin = machineClock();
    const endpoint = this.#setup.endpoints[router] as string;
    return new Promise((resolve) => {
      this.#cancel = this.#open(endpoint, this.key, this.#first === null ? null : this.last, {
        onChange: (change) => this.#onChange(change),
        onEnd: (reason) => {
          this.#streams.push({ router, begin, end: machineClock(), reason: this.#stopping ? 'done' : reason });
          resolve();
        },
      });
    });
  }

  #onChange({ kind, revision, value }: WatchedChange): void {
    if (kind === 'SNAPSHOT') this.#first ??= revision;
    else this.#seen.push({ revision, value: valueText(value) });
  }

  stop(): void {
    this.#stopping = true;
    this.#cancel();
  }

  get watch(): Watch {
    return { client: this.#id, key: this.key, first: this.#first ?? 0, seen: this.#seen, streams: this.#streams };
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { machineClock } from '../../../src/machine-clock.ts';
import type { WatchEvent } from '../../../src/shard/index.ts';
import type { SeenChange, Watch, WatchStream } from '../history.ts';
import { valueText } from '../value.ts';
import { type Client, connect, metadataOf } from './grpc-transport.ts';
import type { ClientSetup } from './setup.ts';

type ServerStream = (...args: unknown[]) => ClientReadableStream<WatchEvent>;

/** Watches one document, and comes back whenever its stream ends, where it left off. */
export class Watcher {
  readonly key: string;
  readonly #id: number;
  readonly #setup: ClientSetup;
  readonly #streams: WatchStream[] = [];
  readonly #seen: SeenChange[] = [];
  #first: number | null = null;
  #call: ClientReadableStream<WatchEvent> | null = null;
  #stopping = false;

  constructor(id: number, key: string, setup: ClientSetup) {
    this.#id = id;
    this.key = key;
    this.#setup = setup;
  }

  get last(): number {
    return this.#seen.at(-1)?.revision ?? this.#first ?? 0;
  }

  async run(): Promise<void> {
    const { endpoints, randomOf } = this.#setup;
    const random = randomOf(this.#id);
    let router = this.#id % endpoints.length;
    while (!this.#stopping) {
      const client = connect(endpoints[router] as string);
      await this.#watch(client, router);
      client.close();
      router = Math.floor(random() * endpoints.length);
      if (!this.#stopping) await pause(100 * random());
    }
  }

  #watch(client: Client, router: number): Promise<void> {
    const begin = machineClock();
    const request = { key: this.key, ...(this.#first === null ? {} : { afterRevision: this.last }) };
    const call = (client.Watch as ServerStream).call(client, request, metadataOf({ 'x-shard-key': this.key }));
    this.#call = call;
    return new Promise((resolve) => {
      let isOver = false;
      const over = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        this.#streams.push({ router, begin, end: machineClock(), reason: this.#stopping ? 'done' : reason });
        resolve();
      };
      call.on('data', ({ kind, document: { revision, value } }: WatchEvent) => {
        if (kind === 'SNAPSHOT') this.#first ??= revision;
        else this.#seen.push({ revision, value: valueText(value) });
      });
      call.on('error', (error: ServiceError) => over(`${status[error.code]}: ${error.details}`));
      call.on('end', () => over('end'));
    });
  }

  stop(): void {
    this.#stopping = true;
    this.#call?.cancel();
  }

  get watch(): Watch {
    return { client: this.#id, key: this.key, first: this.#first ?? 0, seen: this.#seen, streams: this.#streams };
  }
}

import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { machineClock } from '../../src/machine-clock.ts';
import { DocumentsClient, type WatchEvent } from '../../src/shard/index.ts';
import type { Call, Watch } from './history.ts';

type Client = InstanceType<typeof DocumentsClient>;
type Unary = (...args: unknown[]) => ClientUnaryCall;
type ServerStream = (...args: unknown[]) => ClientReadableStream<WatchEvent>;

const DEADLINE_MS = 15_000;

/** A connection of its own for each client: no retries but its own. */
function connect(endpoint: string): Client {
  return new DocumentsClient(endpoint, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.max_reconnect_backoff_ms': 200,
    'grpc.initial_reconnect_backoff_ms': 50,
  });
}

function keyed(key: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-shard-key', key);
  return metadata;
}

function pauseMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What all clients of a run go by. */
export interface ClientSetup {
  readonly endpoints: readonly string[];
  readonly keys: readonly string[];
  /** A client's own, so that what one does hangs on nobody else. */
  readonly randomOf: (client: number) => () => number;
  /** How long one waits between two calls, in the mean. */
  readonly thinkMs: number;
}

/** Puts and gets, one after the other. */
export class Caller {
  readonly calls: Call[] = [];
  readonly #id: number;
  readonly #setup: ClientSetup;
  readonly #client: Client;
  #stopping = false;

  constructor(id: number, setup: ClientSetup) {
    this.#id = id;
    this.#setup = setup;
    this.#client = connect(setup.endpoints[id % setup.endpoints.length] as string);
  }

  async run(): Promise<void> {
    const { keys, randomOf, thinkMs } = this.#setup;
    const random = randomOf(this.#id);
    for (let n = 0; !this.#stopping; n++) {
      const key = keys[Math.floor(random() * keys.length)] as string;
      this.calls.push(await (random() < 0.5 ? this.#put(key, `${this.#id}-${n}`) : this.#get(key)));
      await pauseMs(2 * thinkMs * random());
    }
  }

  /** Whether a call that was begun after a moment has succeeded. */
  hasSucceededSince(ms: number): boolean {
    const last = this.calls.findLast(({ error }) => error === null);
    return last !== undefined && last.begin > ms;
  }

  stop(): void {
    this.#stopping = true;
  }

  close(): void {
    this.#client.close();
  }

  #put(key: string, value: string): Promise<Call> {
    return this.#call('put', key, value, this.#client.Put as Unary, { key, value: Buffer.from(value) });
  }

  #get(key: string): Promise<Call> {
    return this.#call('get', key, '', this.#client.Get as Unary, { key });
  }

  #call(operation: Call['operation'], key: string, value: string, method: Unary, request: object): Promise<Call> {
    const begin = machineClock();
    return new Promise((resolve) => {
      const onAnswer = (error: ServiceError | null, answer?: { revision: number }): void => {
        // That there is no such document yet is an answer.
        const failed = error !== null && error.code !== status.NOT_FOUND ? error : null;
        resolve({
          client: this.#id,
          operation,
          key,
          value,
          begin,
          end: machineClock(),
          error: failed === null ? null : `${status[failed.code]}: ${failed.details}`,
          revision: answer?.revision ?? 0,
        });
      };
      method.call(this.#client, request, keyed(key), { deadline: Date.now() + DEADLINE_MS }, onAnswer);
    });
  }
}

/** Watches one document, and comes back whenever its stream ends, where it left off. */
export class Watcher {
  readonly #id: number;
  readonly #setup: ClientSetup;
  readonly key: string;
  readonly #streams: Array<Watch['streams'][number]> = [];
  readonly seen: number[] = [];
  #first: number | null = null;
  #call: ClientReadableStream<WatchEvent> | null = null;
  #stopping = false;

  constructor(id: number, key: string, setup: ClientSetup) {
    this.#id = id;
    this.key = key;
    this.#setup = setup;
  }

  get last(): number {
    return this.seen.at(-1) ?? this.#first ?? 0;
  }

  async run(): Promise<void> {
    const { endpoints, randomOf } = this.#setup;
    const random = randomOf(this.#id);
    let at = this.#id % endpoints.length;
    while (!this.#stopping) {
      const client = connect(endpoints[at] as string);
      await this.#watch(client);
      client.close();
      at = Math.floor(random() * endpoints.length);
      if (!this.#stopping) await pauseMs(100 * random());
    }
  }

  #watch(client: Client): Promise<void> {
    const begin = machineClock();
    const request = { key: this.key, ...(this.#first === null ? {} : { afterRevision: this.last }) };
    const call = (client.Watch as ServerStream).call(client, request, keyed(this.key));
    this.#call = call;
    return new Promise((resolve) => {
      let isOver = false;
      const over = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        this.#streams.push({ begin, end: machineClock(), reason: this.#stopping ? 'done' : reason });
        resolve();
      };
      call.on('data', ({ kind, document }: WatchEvent) => {
        if (kind === 'SNAPSHOT') this.#first ??= document.revision;
        else this.seen.push(document.revision);
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
    return { client: this.#id, key: this.key, first: this.#first ?? 0, seen: this.seen, streams: this.#streams };
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import type { Call } from '../history.ts';
import { contentOf, valueText } from '../value.ts';
import { GrpcTransport } from './grpc-transport.ts';
import { GrpcWebTransport } from './grpc-web-transport.ts';
import type { ClientSetup } from './setup.ts';
import { SlowTransport } from './slow-transport.ts';
import type { Request, Transport } from './transport.ts';

/** Most values are short, as most documents are; some do not fit into a window, or one read. */
const SIZES = [0, 0, 0, 0, 0, 0, 0, 100, 10_000, 100_000];
/** Of a slow one's content, between two of its parts. */
const MAX_PARTS_MS = 100;
/** One client in so many has its calls repeated by its router. */
const REPEATS_EVERY = 5;

/** Puts and gets, one after the other. */
export class Caller {
  readonly calls: Call[] = [];
  readonly #id: number;
  readonly #setup: ClientSetup;
  readonly #router: number;
  readonly #transport: Transport;
  readonly #random: () => number;
  #stopping = false;

  constructor(id: number, setup: ClientSetup) {
    this.#id = id;
    this.#setup = setup;
    this.#router = id % setup.endpoints.length;
    this.#random = setup.randomOf(id);
    this.#transport = this.#newTransport(setup.endpoints[this.#router] as string);
  }

  #newTransport(endpoint: string): Transport {
    const kind = this.#random();
    if (!this.#setup.isVaried || kind < 0.6) return new GrpcTransport(endpoint);
    return kind < 0.8 ? new GrpcWebTransport(endpoint) : new SlowTransport(endpoint);
  }

  async run(): Promise<void> {
    const { thinkMs } = this.#setup;
    for (let n = 0; !this.#stopping; n++) {
      this.calls.push(await this.#call(this.#request(`${this.#id}-${n}`)));
      await pause(2 * thinkMs * this.#random());
    }
  }

  /** As many random numbers for each, so that what becomes of one changes nothing of the next. */
  #request(id: string): Request {
    const { keys, mostDelayMs, isVaried } = this.#setup;
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(this.#random() * items.length)] as Item;
    const [key, bytes, which, delay, parts] = [pick(keys), pick(SIZES), this.#random(), this.#random(), this.#random()];
    const operation = which < 0.5 ? 'put' : 'get';
    return {
      id,
      operation,
      key,
      value: operation === 'put' ? contentOf(id, isVaried ? bytes : 0) : Buffer.alloc(0),
      // Long ones are rare: most of them overlap with others all the same.
      delayMs: Math.round(mostDelayMs * delay ** 4),
      repeats: isVaried && this.#id % REPEATS_EVERY === 0,
      partsMs: parts < 0.5 ? 0 : Math.round(MAX_PARTS_MS * (parts - 0.5)),
    };
  }

  async #call(request: Request): Promise<Call> {
    const { id, operation, key, repeats } = request;
    const begin = machineClock();
    const { error, revision, value } = await this.#transport.call(request);
    return {
      id,
      client: this.#id,
      router: this.#router,
      operation,
      key,
      value: operation === 'put' ? id : valueText(value),
      begin,
      end: machineClock(),
      error,
      revision,
      repeats,
    };
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
    this.#transport.close();
  }
}

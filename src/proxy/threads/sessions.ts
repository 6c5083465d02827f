import type { DownstreamSession } from '../http/downstream.ts';
import type { Exchange } from '../http/exchange.ts';
import type { OpenStream } from '../http/observe/request-facts.ts';

/** Streams that are looked at in one turn: a fraction of a millisecond, so that requests hardly notice. */
const LOOKED_AT_A_TURN = 200;
/** Between two such turns: a hundred thousand streams take half a second, and leave the core to requests meanwhile. */
const REST_MS = 1;

/** The clients' connections of a thread, and the requests that are under way on them. */
export class Sessions {
  readonly #all = new Set<DownstreamSession>();
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#all.size;
  }

  /** Those that are open now: whoever goes through them may end them. */
  [Symbol.iterator](): Iterator<DownstreamSession> {
    return [...this.#all].values();
  }

  add(session: DownstreamSession): void {
    this.#all.add(session);
  }

  remove(session: DownstreamSession): void {
    this.#all.delete(session);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Resolves once there are none, or the time is over. */
  empty(withinMs: number): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get openStreams(): number {
    let streams = 0;
    for (const { connection } of this.#all) streams += connection.openStreams;
    return streams;
  }

  /** The requests that are under way, session by session. */
  *exchanges(): Generator<Exchange> {
    for (const session of this) {
      const exchanges: Exchange[] = [];
      session.forEachExchange((exchange) => exchanges.push(exchange));
      yield* exchanges;
    }
  }

  /** Visits the requests that are under way, some at a time; resolves once all were visited. */
  visitSome(visit: (exchange: Exchange) => void): Promise<void> {
    const exchanges = this.exchanges();
    return new Promise((resolve) => {
      const visitSome = (): void => {
        for (let visited = 0; visited < LOOKED_AT_A_TURN; visited++) {
          const { value, done } = exchanges.next();
          if (done === true) {
            resolve();
            return;
          }
          visit(value);
        }
        setTimeout(visitSome, REST_MS);
      };
      visitSome();
    });
  }

  /** The requests that are under way, as people see them, at most `limit` of them. */
  describe(limit: number): OpenStream[] {
    const streams: OpenStream[] = [];
    for (const session of this.#all) {
      if (streams.length >= limit) break;
      session.forEachExchange((exchange) => {
        if (streams.length < limit) streams.push(exchange.describe());
      });
    }
    return streams;
  }
}

import type { OpenRequests } from '../core/clusters.ts';
import type { OpenRequest, OpenStream } from '../core/open-request.ts';
import type { Session } from '../core/session.ts';

/** Streams that are looked at in one turn: a fraction of a millisecond, so that requests hardly notice. */
const LOOKED_AT_A_TURN = 200;
/** Between two such turns: a hundred thousand streams take half a second, and leave the core to requests meanwhile. */
const REST_MS = 1;

/** The clients' connections of a thread, and the requests that are under way on them. */
export class Sessions implements OpenRequests {
  readonly #all = new Set<Session>();
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#all.size;
  }

  /** Those that are open now: code that iterates over them may end them. */
  [Symbol.iterator](): Iterator<Session> {
    return [...this.#all].values();
  }

  add(session: Session): void {
    this.#all.add(session);
  }

  /** One takes another's place. */
  replace(before: Session, session: Session): void {
    this.#all.add(session);
    this.#all.delete(before);
  }

  remove(session: Session): void {
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
    for (const { openStreams } of this.#all) streams += openStreams;
    return streams;
  }

  /** The requests that are under way, session by session. */
  *requests(): Generator<OpenRequest> {
    for (const session of this) {
      const requests: OpenRequest[] = [];
      session.forEachRequest((request) => requests.push(request));
      yield* requests;
    }
  }

  /** Visits the requests that are under way, some at a time; resolves once all were visited. */
  visitSome(visit: (request: OpenRequest) => void): Promise<void> {
    const requests = this.requests();
    return new Promise((resolve) => {
      const visitSome = (): void => {
        for (let visited = 0; visited < LOOKED_AT_A_TURN; visited++) {
          const { value, done } = requests.next();
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
      session.forEachRequest((request) => {
        if (streams.length < limit) streams.push(request.describe());
      });
    }
    return streams;
  }
}

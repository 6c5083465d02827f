import type { Protocol } from '../../resp/index.ts';
import { TrafficCounters } from '../core/counters.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import { retryWaitMs } from '../core/retries.ts';
import type { ClientSession } from './client-session.ts';
import type { KeptBytes } from './kept-bytes.ts';
import type { Listening, ShardWish } from './listening.ts';
import { namesInPush } from './names/names-in-push.ts';
import type { RedisOwners } from './redis-owners.ts';
import { Held } from './requests/held.ts';
import { Later } from './requests/later.ts';
import { SubscribeRequest } from './requests/subscribe-request.ts';
import type { RedisPool } from './shards/redis-pool.ts';

/** A subscription's commands are counted when the client asks for them. */
const uncounted = new TrafficCounters();

/** What a session is for what its client listens to. */
export class ClientListening implements Listening {
  readonly #session: ClientSession;
  readonly push: (bytes: Uint8Array, start: number, end: number) => void;
  /** What its client would miss it has to know of: it comes again, and subscribes again. */
  readonly onListeningLost: () => void;

  constructor(session: ClientSession, push: Listening['push'], onListeningLost: () => void) {
    this.#session = session;
    const { names } = session.user;
    this.push =
      names === null
        ? push
        : (bytes, start, end) => {
            const named = namesInPush(names, bytes, start, end);
            if (named !== null) push(named, 0, named.length);
          };
    this.onListeningLost = onListeningLost;
  }

  get protocol(): Protocol {
    return this.#session.protocol;
  }

  get keptBytes(): KeptBytes {
    return this.#session.keptBytes;
  }

  hasBus(owners: RedisOwners): boolean | null {
    if (owners.shared?.placement !== 'slots' || owners.first === null) return false;
    return this.#session.context.buses.get(owners.first) ?? null;
  }

  inTurn(callback: () => void): void {
    this.#session.expect(new Later(this.#session, callback));
  }

  afterAll(callback: () => void): void {
    this.inTurn(callback);
    this.#session.waitForAll();
  }

  afterPause(attempt: number, callback: (owners: RedisOwners | null) => void): void {
    const { context, entry } = this.#session;
    context.core.counters.stale++;
    setTimeout(() => callback(entry.owners), retryWaitMs(attempt, context.core.random));
  }

  holdAnswers(): () => void {
    const held = new Held(this.#session);
    this.#session.expect(held);
    return () => held.end();
  }

  sendToShard(owners: RedisOwners, owner: Upstream<RedisPool>, wish: ShardWish): void {
    const session = this.#session;
    const subscriber = session.subscribe();
    const request = new SubscribeRequest(session, uncounted, owners, owner, subscriber, wish);
    if (wish.isAgain) request.proceed();
    else {
      session.expect(request);
      if (!request.isSent && request.isOpen) session.waitForAll();
    }
  }
}

import type { Protocol } from '../../resp/index.ts';
import { TrafficCounters } from '../core/counters.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import type { ClientSession } from './client-session.ts';
import type { OutgoingAnswers } from './outgoing-answers.ts';
import type { RedisOwners } from './redis-owners.ts';
import { SubscribeRequest } from './requests/subscribe-request.ts';
import type { RedisPool } from './shards/redis-pool.ts';
import type { Listening } from './subscriber.ts';

/** A subscription's commands are counted when the client asks for them. */
const uncounted = new TrafficCounters();

/** What a session is for what its client listens to. */
export class ClientListening implements Listening {
  readonly #session: ClientSession;
  readonly #answers: OutgoingAnswers;
  /** A client has to know that it misses something: it connects again, and subscribes again. */
  readonly onListeningLost: () => void;

  constructor(session: ClientSession, answers: OutgoingAnswers, onListeningLost: () => void) {
    this.#session = session;
    this.#answers = answers;
    this.onListeningLost = onListeningLost;
  }

  get protocol(): Protocol {
    return this.#session.protocol;
  }

  push(bytes: Uint8Array, start: number, end: number): void {
    this.#answers.push(bytes, start, end);
  }

  sendToShard(
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    command: Uint8Array,
    key: string,
    isAsked: boolean,
  ): void {
    const session = this.#session;
    const subscriber = session.subscribe();
    const keys = { key, others: [] };
    const request = new SubscribeRequest(session, uncounted, owners, owner, keys, command, subscriber, isAsked);
    session.expect(request);
    if (!request.isSent && request.isOpen) session.waitForAll();
  }
}

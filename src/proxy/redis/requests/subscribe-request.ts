import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import type { Subscriber } from '../subscriber.ts';
import { RedisRequest } from './redis-request.ts';
import type { RequestClient, RequestKeys } from './routed-command.ts';

const NOTHING = new Uint8Array(0);

/** A command of a subscriber: it takes the subscriber's connection to the shard, and is over once it is sent. What the shard says to it is a message. */
export class SubscribeRequest extends RedisRequest {
  private declare readonly subscriber: Subscriber;
  /** Called where it cannot be sent, before its client is told. */
  private declare readonly onFailed: () => void;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array,
    subscriber: Subscriber,
    onFailed: () => void,
  ) {
    super(client, traffic, owners, owner, keys, raw);
    this.subscriber = subscriber;
    this.onFailed = onFailed;
  }

  override get isAlone(): boolean {
    return true;
  }

  /** It is for this shard, whoever owns the name: the subscriber itself goes after owners that change. */
  protected override ownerIn(): Upstream<RedisPool> {
    return this.owner;
  }

  override hasMovedIn(): boolean {
    return false;
  }

  override get own(): RedisConnection | null {
    return this.subscriber.connectionTo(this.owner);
  }

  override onFirst(): void {
    this.beginInTurn();
  }

  protected override fail(text: string): void {
    this.onFailed();
    super.fail(text);
  }

  override sendOn(connection: RedisConnection): void {
    const raw = this.raw as Uint8Array;
    this.subscriber.adopt(this.owner, connection);
    connection.sendUnanswered(raw);
    this.isOpen = false;
    this.client.onBytes(this, NOTHING, 0, 0, true);
    this.client.onUnsent();
  }
}

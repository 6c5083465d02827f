import type { TrafficCounters } from '../../core/counters.ts';
import type { Owners } from '../../core/gate/owners.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ShardWish } from '../listening.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import type { Subscriber } from '../subscriber.ts';
import { RedisRequest } from './redis-request.ts';
import { OF_ITS_SHARD, type RequestClient } from './routed-command.ts';

const NOTHING = new Uint8Array(0);

/**
 * A command of a subscriber: it takes the subscriber's connection to the shard, and is over once it is sent. What the shard says to it is a message.
 * What is subscribed to is held as any command is while its shard changes, and goes to where it is then.
 */
export class SubscribeRequest extends RedisRequest {
  private declare readonly subscriber: Subscriber;
  private declare readonly wish: ShardWish;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    subscriber: Subscriber,
    wish: ShardWish,
  ) {
    super(
      client,
      traffic,
      owners,
      owner,
      wish.key === null ? OF_ITS_SHARD : { key: wish.key, others: [] },
      wish.command,
    );
    this.subscriber = subscriber;
    this.wish = wish;
  }

  override get isAlone(): boolean {
    return true;
  }

  /** What ends a subscription is for the shard that has it, whoever owns the name. */
  protected override ownerIn(owners: RedisOwners): Upstream<RedisPool> | null {
    return this.wish.isOn ? this.wish.ownerIn(owners) : this.owner;
  }

  override hasMovedIn(owners: Pick<Owners, 'isOwner' | 'has'>): boolean {
    return this.wish.isOn && super.hasMovedIn(owners);
  }

  /** Where the subscriber has no connection to a shard, nothing is subscribed to there that could end. */
  protected override dispatch(): void {
    if (this.wish.isOn || this.own !== null) super.dispatch();
    else this.end();
  }

  override get own(): RedisConnection | null {
    return this.subscriber.connectionTo(this.owner);
  }

  override onFirst(): void {
    this.beginInTurn();
  }

  protected override fail(text: string): void {
    this.wish.onFailed(text);
    super.fail(text);
  }

  protected override answerFailure(text: string): void {
    if (!this.wish.isAgain) super.answerFailure(text);
  }

  override sendOn(connection: RedisConnection): void {
    const raw = this.raw as Uint8Array;
    this.subscriber.adopt(this.owner, connection);
    this.wish.onSent(this.owner);
    connection.sendUnanswered(raw);
    this.end();
  }

  private end(): void {
    this.isOpen = false;
    if (this.wish.isAgain) return;
    this.client.onBytes(this, NOTHING, 0, 0, true);
    this.client.onUnsent();
  }
}

import { ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { RedisRequest } from './redis-request.ts';
import type { RequestKeys } from './routed-command.ts';
import { endWatching } from './transaction.ts';

/** WATCH: the connection that it was sent on is its client's until the transaction is over, because it alone knows what was watched. */
export class WatchRequest extends RedisRequest {
  private declare readonly session: ClientSession;
  /** The client watched nothing before: the connection was taken for it. */
  private declare isFirstWatch: boolean;

  constructor(
    session: ClientSession,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array,
  ) {
    super(session, traffic, owners, owner, keys, raw);
    this.session = session;
    this.isFirstWatch = false;
  }

  override get isAlone(): boolean {
    return true;
  }

  override get own(): RedisConnection | null {
    return this.session.watching?.connection ?? null;
  }

  override onFirst(): void {
    this.beginInTurn();
  }

  override sendOn(connection: RedisConnection): void {
    this.isFirstWatch = this.session.watching === null;
    super.sendOn(connection);
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection, owner, session, isOpen } = this;
    const keys = [this.keys.key, ...this.keys.others];
    if (connection !== null && this.isFirstWatch) {
      if (type === ReplyType.Error) owner.pool.giveBack(connection);
      else if (isOpen) session.watching = { connection, owner, keys };
      else endWatching({ connection, owner, keys });
    } else if (type !== ReplyType.Error) for (const key of keys) session.watching?.keys.push(key);
    super.onReply(bytes, start, end, type);
  }
}

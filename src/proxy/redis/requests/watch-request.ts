import { ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { RedisRequest } from './redis-request.ts';
import type { RequestKeys } from './routed-command.ts';

/** WATCH: the connection that it was sent on is its client's until the transaction is over, because it alone knows what was watched. */
export class WatchRequest extends RedisRequest {
  private declare readonly session: ClientSession;

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
  }

  override get isAlone(): boolean {
    return true;
  }

  override get own(): RedisConnection | null {
    return this.session.watching?.connection ?? null;
  }

  override onFirst(): void {
    if (!this.hasBegun && this.isOpen) this.begin();
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection, owner, session, isOpen } = this;
    if (connection !== null && session.watching === null) {
      if (type === ReplyType.Error || !isOpen) owner.pool.giveBack(connection);
      else session.watching = { connection, owner };
    }
    super.onReply(bytes, start, end, type);
  }
}

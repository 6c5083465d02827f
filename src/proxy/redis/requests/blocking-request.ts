import { encodeCommand, integerAt, ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { NOBODY } from '../shards/reply-taker.ts';
import { AloneRequest } from './alone-request.ts';
import type { RequestClient, RequestKeys } from './routed-command.ts';

const CLIENT_ID = encodeCommand(['CLIENT', 'ID']);

/**
 * A command that waits at its shard for something to come (BLPOP): it has a connection to itself. If its keys move meanwhile
 * the shard is told to end its wait (CLIENT UNBLOCK), and it waits on at the new owner: what comes in between is not lost.
 */
export class BlockingRequest extends AloneRequest {
  /** What the shard calls the connection; 0 while it has not said. */
  private declare id: number;
  private declare leaves: boolean;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array,
  ) {
    super(client, traffic, owners, owner, keys, raw);
    this.id = 0;
    this.leaves = false;
  }

  override get isWatch(): boolean {
    return true;
  }

  override get isLeaving(): boolean {
    return this.leaves && this.isSent;
  }

  /** It may have to be sent to the next owner. */
  protected override letGo(): void {}

  override sendOn(connection: RedisConnection): void {
    this.id = 0;
    this.leaves = false;
    const onReply = (bytes: Uint8Array, start: number): void => {
      this.id = integerAt(bytes, start);
      if (this.leaves) this.unblock();
    };
    connection.send({ ...NOBODY, onReply }, CLIENT_ID, 0, CLIENT_ID.length);
    super.sendOn(connection);
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { leaves } = this;
    this.giveBack();
    if (leaves && this.isOpen && isNothing(bytes, start, type)) {
      this.connection = null;
      this.proceed();
    } else super.onReply(bytes, start, end, type);
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    if (isLast) this.giveBack();
    super.onReplyPart(bytes, start, end, type, isLast);
  }

  private giveBack(): void {
    const { connection } = this;
    if (connection === null) return;
    // What was told to end this wait may still be on its way to the shard, and would end the next client's.
    if (this.leaves) connection.destroy();
    else this.owner.pool.giveBack(connection);
  }

  override leave(): void {
    this.leaves = true;
    if (this.id > 0) this.unblock();
  }

  private unblock(): void {
    this.owner.pool.sendAndForget(encodeCommand(['CLIENT', 'UNBLOCK', String(this.id)]));
  }
}

/** Whether a reply says that nothing has come: a null of either version. */
function isNothing(bytes: Uint8Array, start: number, type: number): boolean {
  return (
    type === ReplyType.Null || ((type === ReplyType.Array || type === ReplyType.Bulk) && bytes[start + 1] === MINUS)
  );
}

const MINUS = 0x2d;

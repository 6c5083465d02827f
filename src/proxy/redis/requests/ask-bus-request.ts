import { encodeCommand, ReplyType } from '../../../resp/index.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { uncounted } from './gathered-answer.ts';
import { RedisRequest } from './redis-request.ts';
import { NO_KEYS, type RequestClient } from './routed-command.ts';

const INFO = encodeCommand(['INFO', 'server']);
const NOTHING = new Uint8Array(0);

/**
 * Asks a shard what kind of server it is: whether it is told what is published at the others, as a node of Redis Cluster is. Servers that stand
 * alone are not, and the nodes of Kvrocks neither.
 */
export class AskBusRequest extends RedisRequest {
  constructor(client: RequestClient, owners: RedisOwners, owner: Upstream<RedisPool>) {
    super(client, uncounted, owners, owner, NO_KEYS, INFO);
  }

  /** A server that does not say it is asked again the next time. */
  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    if (type !== ReplyType.Error) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
      const isNode = /^redis_mode:cluster\b/m.test(text) && !/^kvrocks_version:/m.test(text);
      this.client.context.buses.set(this.owner, isNode);
    }
    super.onReply(NOTHING, 0, 0, ReplyType.Simple);
  }

  /** Its client has asked for something else, which shows by itself that the shard cannot be reached. */
  protected override answerFailure(): void {
    this.client.onBytes(this, NOTHING, 0, 0, true);
  }

  /** No server says so much of itself. */
  override onReplyPart(_bytes: Uint8Array, _start: number, _end: number, type: number, isLast: boolean): void {
    super.onReplyPart(NOTHING, 0, 0, type, isLast);
  }
}

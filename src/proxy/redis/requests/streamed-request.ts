import { ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { ERRORS } from '../words.ts';
import { AloneRequest } from './alone-request.ts';
import type { RequestClient, RequestKeys } from './routed-command.ts';

/**
 * A large command, whose content goes on to its shard as it comes: nobody has it whole. It has a connection to itself, so that a
 * client that sends slowly holds up nobody else.
 */
export class StreamedRequest extends AloneRequest {
  /** All of it has come. */
  private declare isWhole: boolean;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array,
  ) {
    super(client, traffic, owners, owner, keys, raw);
    this.isWhole = false;
  }

  /** What came behind it is not at hand: it is sent once. */
  protected override letGo(): void {
    this.raw = null;
  }

  /** More of it has come. Where it was refused already the rest is dropped. */
  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    const { connection } = this;
    this.isWhole = isLast;
    if (connection === null || !this.isOpen) return;
    this.client.context.hotKeys?.onBytes(this.owner.cluster, this.keys.key, end - start);
    connection.sendUnanswered(bytes.subarray(start, end));
    this.client.onSent(this);
  }

  /** It cannot be sent again. */
  protected override takeBack(): boolean {
    return false;
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection, owner } = this;
    super.onReply(bytes, start, end, type);
    if (connection === null) return;
    // A shard that answers in the middle of it, because it is too long, does not know where the next command begins.
    if (type === ReplyType.Error || !this.isWhole) connection.destroy();
    else owner.pool.giveBack(connection);
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    const { connection, owner } = this;
    super.onReplyPart(bytes, start, end, type, isLast);
    if (!isLast || connection === null) return;
    if (this.isWhole) owner.pool.giveBack(connection);
    else connection.destroy();
  }

  /** The rest of it does not come, or cannot be told from what follows. */
  breakOff(text: string): void {
    const { connection } = this;
    if (this.isOpen) this.fail(text);
    connection?.destroy();
  }

  override leave(): void {
    if (!this.isWhole) this.giveUp();
  }

  override giveUp(): void {
    // What has not come whole was certainly not carried out.
    if (this.isWhole) super.giveUp();
    else this.breakOff(ERRORS.moved);
  }
}

import { ReplyType } from '../../../resp/index.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import { ERRORS } from '../words.ts';
import { RedisRequest } from './redis-request.ts';

/**
 * A large command, whose content goes on to its shard as it comes: nobody has it whole. It has a connection to itself, so that a
 * client that sends slowly holds up nobody else.
 */
export class StreamedRequest extends RedisRequest {
  override get isAlone(): boolean {
    return true;
  }

  /** What its client has asked before is done before. */
  override onFirst(): void {
    if (!this.hasBegun && this.isOpen) this.begin();
  }

  override sendOn(connection: RedisConnection): void {
    super.sendOn(connection);
    // It is not at hand any more.
    this.raw = null;
  }

  /** More of it has come. Where it was refused already the rest is dropped. */
  onContent(bytes: Uint8Array, start: number, end: number): void {
    const { connection } = this;
    if (connection === null || !this.isOpen) return;
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
    // A shard that refuses it in the middle, as too long, does not know where the next command begins.
    if (type === ReplyType.Error) connection.destroy();
    else owner.pool.giveBack(connection);
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    const { connection, owner } = this;
    super.onReplyPart(bytes, start, end, type, isLast);
    if (isLast && connection !== null) owner.pool.giveBack(connection);
  }

  override cancel(): void {
    const { connection } = this;
    super.cancel();
    // The rest of it does not come.
    connection?.destroy();
  }

  override giveUp(): void {
    const { connection } = this;
    if (this.isOpen) this.fail(ERRORS.moved);
    connection?.destroy();
  }
}

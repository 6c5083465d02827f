import { encodeCommand, integerReply, ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { NOBODY } from '../shards/reply-taker.ts';
import { AloneRequest } from './alone-request.ts';
import { NO_KEYS, type RequestClient } from './routed-command.ts';

const INFO = encodeCommand(['INFO', 'replication']);
/** More replicas than any server has: a WAIT for so many has all of them asked how far they are, and ends with its time. */
const ALL_REPLICAS = '1000000';
/** Between two looks at first; each later time is twice as long, up to a tenth of a second. */
const FIRST_LOOK_MS = 1;
const MAX_LOOK_MS = 100;

/**
 * WAIT at one shard. A server counts the replicas that have what the asking connection has written, and the connection that a client's writes
 * went over is one that must never wait. So the shard is asked for its offset, which is behind all that its client was acknowledged, and then,
 * over another connection, until enough replicas have come as far.
 */
export class WaitRequest extends AloneRequest {
  private declare readonly replicas: number;
  /** When it is answered with what there is; Infinity: never. */
  private declare readonly untilMs: number;
  private declare lookMs: number;
  /** What replicas have to have; negative: it is not known yet. */
  private declare offset: number;
  /** A reply that comes in parts. */
  private declare text: string;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    replicas: number,
    timeoutMs: number,
  ) {
    super(client, traffic, owners, owner, NO_KEYS, INFO);
    this.replicas = replicas;
    this.untilMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.startedMs + timeoutMs;
    this.lookMs = FIRST_LOOK_MS;
    this.offset = -1;
    this.text = '';
  }

  /** Nobody waits for it whose client has gone. */
  override get isWatch(): boolean {
    return true;
  }

  protected override letGo(): void {}

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection } = this;
    const text = latin1(bytes, start, end);
    if (connection === null || !this.isOpen || type === ReplyType.Error) this.end(bytes, start, end, type);
    else {
      const acknowledged = this.acknowledgedIn(text);
      const leftMs = this.untilMs - this.client.context.core.turn.nowMs;
      if (acknowledged < this.replicas && leftMs > 0) this.look(connection, leftMs);
      else {
        const answer = integerReply(acknowledged);
        this.end(answer, 0, answer.length, ReplyType.Integer);
      }
    }
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    this.text += latin1(bytes, start, end);
    if (!isLast) return;
    const whole = Buffer.from(this.text, 'latin1');
    this.text = '';
    this.onReply(whole, 0, whole.length, type);
  }

  private end(bytes: Uint8Array, start: number, end: number, type: number): void {
    if (this.connection !== null) this.owner.pool.giveBack(this.connection);
    super.onReply(bytes, start, end, type);
  }

  /** Has the replicas say how far they are, and looks again. */
  private look(connection: RedisConnection, leftMs: number): void {
    const wait = encodeCommand(['WAIT', ALL_REPLICAS, String(Math.ceil(Math.min(this.lookMs, leftMs)))]);
    this.lookMs = Math.min(2 * this.lookMs, MAX_LOOK_MS);
    connection.send(NOBODY, wait, 0, wait.length);
    connection.send(this, INFO, 0, INFO.length);
  }

  /** How many replicas have what was written before this was asked first. */
  private acknowledgedIn(info: string): number {
    if (this.offset < 0) this.offset = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0);
    let count = 0;
    for (const [, offset] of info.matchAll(/^slave\d+:.*\bstate=online\b.*\boffset=(\d+)/gm))
      if (Number(offset) >= this.offset) count++;
    return count;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

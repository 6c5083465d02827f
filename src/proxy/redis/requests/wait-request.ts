import { encodeCommand, integerReply, ReplyType } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Owners } from '../../core/gate/owners.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import type { ReplyTaker } from '../shards/reply-taker.ts';
import { AloneRequest } from './alone-request.ts';
import { OF_ITS_SHARD, type RequestClient } from './routed-command.ts';

const INFO = encodeCommand(['INFO', 'replication']);
/** More replicas than any server has: a WAIT for so many has all of them asked how far they are, and ends with its time. */
const ALL_REPLICAS = '1000000';
/** Between two looks at first; each later time is twice as long, up to a tenth of a second. */
const FIRST_LOOK_MS = 1;
const MAX_LOOK_MS = 100;
/** No replica is known to have what was written to a server that is its shard's no more. */
export const NO_REPLICA = integerReply(0);
/** Some thousand replicas fill less. */
const MAX_INFO_BYTES = 2 ** 20;

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
    super(client, traffic, owners, owner, OF_ITS_SHARD, INFO);
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

  /** Another server has its shard. */
  override leave(): void {
    const { connection } = this;
    if (connection === null) this.endUnsent();
    else {
      super.onReply(NO_REPLICA, 0, NO_REPLICA.length, ReplyType.Integer);
      connection.destroy();
    }
  }

  /** What another server says of its replicas has nothing to do with what its client has written. */
  override findOwnerIn(owners: Owners): boolean {
    if (owners.has(this.owner)) return super.findOwnerIn(owners);
    this.endUnsent();
    return false;
  }

  private endUnsent(): void {
    this.isOpen = false;
    this.stopWaiting();
    this.client.onBytes(this, NO_REPLICA, 0, NO_REPLICA.length, true);
    this.client.onUnsent();
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection } = this;
    const acknowledged = type === ReplyType.Error ? null : this.acknowledgedIn(latin1(bytes, start, end));
    if (connection === null || !this.isOpen || type === ReplyType.Error) this.end(bytes, start, end, type);
    else if (acknowledged === null) this.breakOff(connection, 'does not say how far its replicas are');
    else {
      const leftMs = this.untilMs - this.client.context.core.turn.nowMs;
      if (acknowledged < this.replicas && leftMs > 0) this.look(connection, leftMs);
      else {
        const answer = integerReply(acknowledged);
        this.end(answer, 0, answer.length, ReplyType.Integer);
      }
    }
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    const { connection } = this;
    // What comes after it was given up is not kept either.
    if (this.isOpen) this.text += latin1(bytes, start, end);
    if (this.text.length > MAX_INFO_BYTES && connection !== null) {
      this.text = '';
      this.breakOff(connection, `says more than ${MAX_INFO_BYTES} bytes of its replicas`);
      return;
    }
    if (!isLast) return;
    const whole = Buffer.from(this.text, 'latin1');
    this.text = '';
    this.onReply(whole, 0, whole.length, type);
  }

  private end(bytes: Uint8Array, start: number, end: number, type: number): void {
    if (this.connection !== null) this.owner.pool.giveBack(this.connection);
    super.onReply(bytes, start, end, type);
  }

  /** The shard's answers are of no use: nobody knows what it would say next on the connection. */
  private breakOff(connection: RedisConnection, reason: string): void {
    if (this.isOpen) this.fail(`ERR shard ${this.owner.label} ${reason}`);
    connection.destroy();
  }

  /** Has the replicas say how far they are, and looks again. */
  private look(connection: RedisConnection, leftMs: number): void {
    const lookMs = Math.ceil(Math.min(this.lookMs, leftMs));
    this.lookMs = Math.min(2 * this.lookMs, MAX_LOOK_MS);
    const { turn } = this.client.context.core;
    const dueMs = turn.nowMs + lookMs;
    const wait = encodeCommand(['WAIT', ALL_REPLICAS, String(lookMs)]);
    const answered: ReplyTaker = {
      // One that does not wait itself is not asked any sooner for that.
      onReply: (bytes, start, end, type) => {
        if (type === ReplyType.Error) this.end(bytes, start, end, type);
        else if (turn.nowMs >= dueMs) this.askAgain(connection);
        else setTimeout(() => this.askAgain(connection), dueMs - turn.nowMs);
      },
      onReplyPart: () => {},
      onLost: (reason) => this.onLost(reason),
    };
    connection.send(answered, wait, 0, wait.length);
  }

  private askAgain(connection: RedisConnection): void {
    // In the meantime nothing was under way on it that would have told of its end.
    if (!this.isOpen || connection.isClosed) this.onLost('it was closed meanwhile');
    else connection.send(this, INFO, 0, INFO.length);
  }

  /** How many replicas have what was written before this was asked first; null where the shard does not say what was. */
  private acknowledgedIn(info: string): number | null {
    if (this.offset < 0) {
      const offset = /^master_repl_offset:(\d+)/m.exec(info)?.[1];
      if (offset === undefined) return null;
      this.offset = Number(offset);
    }
    return info.split('\n').filter((line) => line.startsWith('slave') && this.isBehindNothing(line)).length;
  }

  /** Whether a line such as `slave0:ip=…,port=…,state=online,offset=…` is of a replica that has it all. Kvrocks has no states. */
  private isBehindNothing(line: string): boolean {
    const fields = line
      .trimEnd()
      .slice(line.indexOf(':') + 1)
      .split(',');
    const value = (name: string): string | undefined =>
      fields.find((field) => field.startsWith(`${name}=`))?.slice(name.length + 1);
    return (value('state') ?? 'online') === 'online' && Number(value('offset') ?? -1) >= this.offset;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

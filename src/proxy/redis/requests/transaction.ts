import { errorCodeIs, nullArray, QUEUED, ReplyType, redirectOf } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { KeptBytes } from '../kept-bytes.ts';
import { type AnswerRole, answerOfAll } from '../names/answer-role.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { namesSlotOf } from './names-slot.ts';
import { RedisRequest } from './redis-request.ts';
import { NO_KEYS, type RequestClient, type RequestKeys } from './routed-command.ts';

const MULTI = Buffer.from('*1\r\n$5\r\nMULTI\r\n', 'latin1');
/** Has a connection forget what it watches. */
const UNWATCH = Buffer.from('*1\r\n$7\r\nUNWATCH\r\n', 'latin1');
const EXEC = Buffer.from('*1\r\n$4\r\nEXEC\r\n', 'latin1');
/** MULTI and EXEC are answered, too. */
const AROUND = 2;

/** What a command, or a key, takes in memory besides its bytes. */
const ENTRY_BYTES = 128;

function keptFor(bytes: number, keys: number): number {
  return bytes + ENTRY_BYTES * (1 + keys);
}

/**
 * The commands between a client's MULTI and its EXEC. They are kept here and sent in one piece, so that they need no connection of
 * their own: what one connection sends in one piece a server carries out without another client's commands between.
 */
export class Transaction {
  readonly #kept: KeptBytes;
  readonly #commands: Uint8Array[] = [];
  readonly #keys: string[] = [];
  /** What each command is answered with, where its user's names have a prefix. */
  readonly #roles: AnswerRole[] = [];
  owner: Upstream<RedisPool> | null = null;
  /** A command was refused: EXEC is, too. */
  isFaulty = false;
  bytes = 0;
  /** Bytes that count as kept for the client. */
  #keptBytes = 0;

  constructor(kept: KeptBytes) {
    this.#kept = kept;
  }

  get isEmpty(): boolean {
    return this.#commands.length === 0;
  }

  get count(): number {
    return this.#commands.length;
  }

  /** @returns what the client is told */
  add(command: Uint8Array, keys: readonly string[], role: AnswerRole): Uint8Array {
    this.#commands.push(command);
    this.#roles.push(role);
    // One by one: a client decides how many there are, and so many arguments no call takes.
    for (const key of keys) this.#keys.push(key);
    this.bytes += command.length;
    this.#keptBytes += keptFor(command.length, keys.length);
    this.#kept.add(keptFor(command.length, keys.length));
    return QUEUED;
  }

  /** Whether there is room to keep one more command. */
  hasRoomFor(bytes: number, keys: number): boolean {
    return this.#kept.hasRoomFor(keptFor(bytes, keys));
  }

  /** It is over: nothing of it is kept. */
  release(): void {
    this.#kept.remove(this.#keptBytes);
    this.#keptBytes = 0;
  }

  /** @param watched those whose change would end it */
  keysWith(watched: readonly string[]): RequestKeys {
    const [key, ...others] = new Set([...this.#keys, ...watched]);
    return key === undefined ? NO_KEYS : { key, others };
  }

  /** What EXEC is answered with. */
  get answerRole(): AnswerRole {
    return answerOfAll(this.#roles);
  }

  /** All of it, as it is sent. */
  whole(): Uint8Array {
    return Buffer.concat([MULTI, ...this.#commands, EXEC]);
  }
}

/** A connection on which a client watches keys (WATCH), until its transaction is over. */
export interface Watching {
  readonly connection: RedisConnection;
  readonly owner: Upstream<RedisPool>;
  /** As latin1 text. */
  readonly keys: string[];
}

/** A client watches nothing any more, and needs the connection no more. */
export function endWatching({ connection, owner }: Watching): void {
  if (!connection.isClosed) connection.sendAndForget(UNWATCH);
  owner.pool.giveBack(connection);
}

/** A transaction on its way: of all that comes back the client gets what answers EXEC. */
export class TransactionRequest extends RedisRequest {
  private declare readonly transaction: Transaction;
  private declare readonly watching: Watching | null;
  /** Replies that have yet to come. */
  private declare left: number;
  /** A key of it, or one that is watched, has another owner than the watching connection's. */
  private declare hasOtherOwner: boolean;
  /** What a command in it was refused with first. */
  private declare fault: Uint8Array | null;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    transaction: Transaction,
    watching: Watching | null,
    keys: RequestKeys,
  ) {
    super(client, traffic, owners, owner, keys, transaction.whole());
    this.transaction = transaction;
    this.watching = watching;
    this.left = 0;
    this.hasOtherOwner = false;
    this.fault = null;
  }

  protected override get replies(): number {
    return this.transaction.count + AROUND;
  }

  override get own(): RedisConnection | null {
    return this.watching?.connection ?? null;
  }

  /** Where its keys do not belong to the connection that watches any more, the client is told as if one had changed. */
  protected override ownerIn(owners: RedisOwners): Upstream<RedisPool> | null | undefined {
    const owner = super.ownerIn(owners);
    if (this.watching === null) return owner;
    this.hasOtherOwner = owner !== this.watching.owner;
    return this.watching.owner;
  }

  protected override dispatch(): void {
    const { watching } = this;
    const isElsewhere = this.hasOtherOwner || watching?.owner !== this.owner;
    // Whether its keys have changed is known to that connection alone.
    if (watching !== null && (watching.connection.isClosed || isElsewhere)) this.answerAborted();
    else super.dispatch();
  }

  /** EXEC has ended all watching: its client needs the connection no more. */
  private giveBack(): void {
    this.transaction.release();
    if (this.watching !== null) this.watching.owner.pool.giveBack(this.watching.connection);
  }

  protected override fail(text: string): void {
    this.transaction.release();
    if (!this.isSent && this.watching !== null) endWatching(this.watching);
    super.fail(text);
  }

  override cancel(): void {
    if (this.isOpen && !this.isSent && this.watching !== null) endWatching(this.watching);
    super.cancel();
  }

  private answerAborted(): void {
    this.transaction.release();
    if (this.watching !== null) endWatching(this.watching);
    const bytes = nullArray(this.client.protocol);
    this.isOpen = false;
    this.client.onBytes(this, bytes, 0, bytes.length, true);
    this.client.onUnsent();
  }

  override sendOn(connection: RedisConnection): void {
    this.left = this.replies;
    this.fault = null;
    super.sendOn(connection);
  }

  override onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    if (--this.left > 0) {
      if (type === ReplyType.Error) this.fault ??= Uint8Array.prototype.slice.call(bytes, start, end);
      return;
    }
    this.giveBack();
    const { fault } = this;
    // EXEC is refused because of what was refused before it, and that may pass.
    const isRefused = fault !== null && errorCodeIs(bytes, start, end, 'EXECABORT');
    const isRetried = isRefused && this.isOpen && this.watching === null && this.retryAfter(fault);
    if (!isRetried) super.onReply(bytes, start, end, type);
  }

  private retryAfter(fault: Uint8Array): boolean {
    this.connection = null;
    return this.isRetried(fault, 0, fault.length);
  }

  /** What was refused between MULTI and EXEC was not carried out, scripts neither; EXEC itself is refused for its keys' slot alone. */
  protected override isOfServer(bytes: Uint8Array, start: number, end: number): boolean {
    return bytes === this.fault || namesSlotOf(redirectOf(bytes, start, end), this.keys);
  }

  override onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    if (this.left > 1) {
      if (isLast) this.left--;
    } else {
      if (isLast) this.giveBack();
      super.onReplyPart(bytes, start, end, type, isLast);
    }
  }
}

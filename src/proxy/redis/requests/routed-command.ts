import type { Command, Protocol } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { MoveWay } from '../../core/drain/leaving-request.ts';
import type { Owners } from '../../core/gate/owners.ts';
import type { OpenRequest, OpenStream } from '../../core/open-request.ts';
import type { Key } from '../../core/owner/key.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { WaitingPlace } from '../../core/waiting-place.ts';
import type { RedisEntry } from '../entry.ts';
import type { KeptBytes } from '../kept-bytes.ts';
import type { Reads, ReplicaReading } from '../reads/replica-reading.ts';
import type { RedisContext } from '../redis-context.ts';
import { REDIS_PROTOCOL, type RedisOwners } from '../redis-owners.ts';
import type { RedisCall } from '../shards/redis-call.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { Answer } from './answer.ts';
import { keysIn } from './keys-in.ts';
import type { Retries } from './retry-turn.ts';

/** What a request needs of its client's session. */
export interface RequestClient {
  readonly context: RedisContext;
  /** Where it came in: the owners of its keys at the moment. */
  readonly entry: Pick<RedisEntry, 'owners' | 'slowUnits'>;
  readonly protocol: Protocol;
  readonly address: string;
  /** Where its reads go at the moment. */
  readonly readsFrom: Reads;
  readonly clientGroup: string;
  /** What tells its client from others. */
  readonly clientConnection: object;
  readonly retries: Retries;
  /** What is kept for the client. */
  readonly keptBytes: KeptBytes;
  /** The command that is being taken: where the bytes stand of a request that has just been made. */
  readonly command: Command;
  /** A shard has it: at first, and whenever more of it or all of it is sent, to another shard too. */
  onSent(request: RoutedCommand): void;
  /** Bytes of its answer have come. @returns false where the client has no room for more */
  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean;
  /** The whole of its answer has come, in memory that is the client's from now on. */
  onWhole(answer: Answer, reply: Uint8Array): void;
  /** The answer is whole, and the router's own. */
  onError(answer: Answer, text: string): void;
  /** One that waited to be sent waits no more. */
  onUnsent(): void;
  /** A reply to one command has to wait: what comes behind it is not sent before everything is answered. */
  waitForAll(): void;
  /** Has a callback called, once, when the client has room again. */
  whenWritable(callback: () => void): void;
  /** All that its client waits for before an answer has gone out. */
  isFirst(answer: Answer): boolean;
  /** One was given up that its shard has. */
  onGivenUp(request: RoutedCommand): void;
  /** One that was given up is not under way at its shard any more. */
  onSettled(request: RoutedCommand): void;
}

/** A key, or several that one shard has to own; as latin1 text. */
export interface RequestKeys {
  /** Empty where the command has none, or where nothing but a moment's log would need it. */
  readonly key: string;
  readonly others: readonly string[];
}

/** No key, and any shard would do; or, where nothing is ever handed over, keys that nobody has noted. */
export const NO_KEYS: RequestKeys = { key: '', others: [] };
/** No key: it is for its shard, in whose place no other can answer. */
export const OF_ITS_SHARD: RequestKeys = { key: '', others: [] };

/** Whether keys are noted with what goes to an owner: nobody asks for them where nothing ever holds a key back, and nobody counts keys. */
export function notesKeys({ hotKeys }: RedisContext, { gate }: RedisOwners): boolean {
  return gate !== null || hotKeys !== null;
}

export function isKeyless(keys: RequestKeys): boolean {
  return keys === NO_KEYS || keys === OF_ITS_SHARD;
}

/** In place of where the arena has a command. */
export const NOT_KEPT = -1;

/**
 * A command on its way to the owner of its keys: it waits until it may be sent, and is sent. What comes back is for `RedisRequest`, which
 * extends this, so that a command is one object.
 */
export abstract class RoutedCommand extends Answer implements OpenRequest, RedisCall {
  declare readonly client: RequestClient;
  declare readonly traffic: TrafficCounters;
  declare keys: RequestKeys;
  declare readonly protocol: Protocol;
  declare owners: RedisOwners;
  declare owner: Upstream<RedisPool>;
  /** It may change what its shard keeps. */
  declare mayWrite: boolean;
  declare isOpen: boolean;
  declare isBeingAnswered: boolean;
  protected declare readonly startedMs: number;
  protected declare connection: RedisConnection | null;
  protected declare place: WaitingPlace<RoutedCommand> | null;
  /** The command; null as long as the arena, or the reader, has it. */
  protected declare raw: Uint8Array | null;
  protected declare length: number;
  protected declare keptAt: number;
  protected declare sendings: number;
  /** Its turn has come. Until then it is on its way to no shard, and the gate has nothing to decide about it. */
  protected declare hasBegun: boolean;
  /** Where a server has sent it to, as long as the owners are those that it was sent on by; null where the topology decides. */
  protected declare redirected: Upstream<RedisPool> | null;
  /** Where it may be read from in place of its keys' owner; null where from nowhere else. */
  declare reading: ReplicaReading | null;
  /** What its shard has to be told before it; null where nothing has. */
  protected declare before: Uint8Array | null;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array | null,
  ) {
    super();
    this.client = client;
    this.traffic = traffic;
    this.owners = owners;
    this.owner = owner;
    this.keys = keys;
    this.protocol = client.protocol;
    this.mayWrite = false;
    this.isOpen = true;
    this.isBeingAnswered = false;
    this.startedMs = client.context.core.turn.nowMs;
    this.connection = null;
    this.place = null;
    this.raw = raw;
    this.length = 0;
    this.keptAt = NOT_KEPT;
    this.sendings = 0;
    this.hasBegun = false;
    this.redirected = null;
    this.before = null;
    this.reading = null;
  }

  get clientGroup(): string {
    return this.client.clientGroup;
  }

  get clientConnection(): object {
    return this.client.clientConnection;
  }

  get isAlone(): boolean {
    return false;
  }

  get own(): RedisConnection | null {
    return null;
  }

  /** Replies that come for it: one, unless it is several commands. */
  protected get replies(): number {
    return 1;
  }

  get keyText(): string {
    return this.keys.key;
  }

  /** No router stands between. */
  get askedBy(): number {
    return 0;
  }

  get isWatch(): boolean {
    return false;
  }

  get isLeaving(): boolean {
    return false;
  }

  get wayToLeave(): MoveWay {
    return 'end';
  }

  abstract onReply(bytes: Uint8Array, start: number, end: number, type: number): void;
  abstract onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void;
  abstract onLost(reason: string): void;
  abstract refuse(refusal: Refusal): void;
  abstract leave(): void;
  abstract giveUp(): void;
  abstract describe(): OpenStream;

  // ---- its way to the owner ------------------------------------------------------------------------------------------

  /** Sends it for the first time, or has it wait: in the turn in which its owner was found. */
  begin(): void {
    this.hasBegun = true;
    const { gate } = this.owners;
    if (gate === null || gate.admits(this)) this.dispatch();
  }

  /** The same for one whose turn comes later than it was taken: it may have another owner by then. */
  protected beginInTurn(): void {
    if (!this.hasBegun) this.proceed();
  }

  proceed(): void {
    this.stopWaiting();
    if (!this.isOpen) return;
    this.hasBegun = true;
    const { gate } = this.owners;
    if (gate === null) {
      if (this.findOwnerNow()) this.dispatch();
    } else if (gate.readmits(this)) this.dispatch();
  }

  /** Of a cluster that has no gate, whose owners change with the config, or by what its servers say. */
  private findOwnerNow(): boolean {
    const owners = this.client.entry.owners ?? this.owners;
    if (owners === this.owners) return this.redirected === null || this.findOwnerIn(owners);
    if (this.keys === NO_KEYS && this.raw !== null) this.keys = keysIn(this.raw) ?? NO_KEYS;
    return this.findOwnerIn(owners);
  }

  protected dispatch(): void {
    if (this.reading !== null && !this.findReplica(this.reading)) return;
    const { owner } = this;
    if (owner.clears(this)) owner.pool.dispatch(this);
  }

  /** Makes it one for a replica of its keys' owner. @returns false where none may be asked, and nothing else either: it was refused */
  private findReplica(reading: ReplicaReading): boolean {
    // A server has sent it where it has to go.
    if (this.redirected !== null) return true;
    const primary = this.keysOwner;
    const { replicaChoices, core } = this.client.context;
    const replicas = this.owners.replicasOf(primary.id);
    const hasElse = reading.reads === 'preferReplica';
    const replica = replicaChoices.choose(replicas, reading.tried, core.turn.nowMs, hasElse);
    this.owner = replica ?? primary;
    reading.primary = replica === null ? null : primary;
    if (replica !== null || reading.reads === 'preferReplica') return true;
    this.onNoReplica();
    return false;
  }

  /** The owner of its keys, also where a replica is asked in its place. */
  private get keysOwner(): Upstream<RedisPool> {
    return this.owner.isReplica ? (this.reading?.primary ?? this.owner) : this.owner;
  }

  /** None of the replicas can be asked, and it may go to no other server. */
  protected abstract onNoReplica(): void;

  sendOn(connection: RedisConnection): void {
    const { raw } = this;
    if (raw !== null) this.send(connection, raw, 0, raw.length);
    else {
      const { bytes, start, end } = this.client.command;
      this.send(connection, bytes, start, end);
    }
  }

  protected send(connection: RedisConnection, bytes: Uint8Array, start: number, end: number): void {
    this.connection = connection;
    this.sendings++;
    this.length = end - start;
    if (this.raw === null) this.keptAt = this.client.context.arena.append(0, 0, bytes, start, end);
    else this.letGo(this.raw);
    if (this.before !== null) connection.sendAndForget(this.before);
    connection.send(this, bytes, start, end, this.replies);
    this.client.onSent(this);
  }

  /** What had to wait needs no memory of its own once it is sent: it may be sent again as long as the arena has it. */
  protected letGo(raw: Uint8Array): void {
    this.keptAt = this.client.context.arena.append(0, 0, raw, 0, raw.length);
    if (this.keptAt !== NOT_KEPT) this.raw = null;
  }

  waitIn(place: WaitingPlace<RoutedCommand>): void {
    this.keepContent();
    if (this.place !== place) this.stopWaiting();
    this.place = place;
  }

  isIn(place: WaitingPlace<RoutedCommand>): boolean {
    return this.place === place;
  }

  protected stopWaiting(): void {
    const { place } = this;
    this.place = null;
    place?.forget(this);
  }

  findOwnerIn(owners: Owners): boolean {
    // A server spoke of the owners that it knew: another version has the last word.
    if (this.redirected !== null && owners.build !== this.owners.build) this.forgetRedirect();
    const owner = this.redirected ?? (owners.protocol === REDIS_PROTOCOL ? this.ownerIn(owners as RedisOwners) : null);
    if (owner === null) this.refuse({ kind: 'no_owner', cluster: owners.name });
    else if (owner === undefined) this.onSeveralOwners(owners as RedisOwners);
    else {
      this.owner = owner;
      this.owners = owners as RedisOwners;
      return true;
    }
    return false;
  }

  private forgetRedirect(): void {
    this.redirected = null;
    this.before = null;
  }

  /** The owner of all its keys; null where there is none, undefined where there are several. */
  protected ownerIn(owners: RedisOwners): Upstream<RedisPool> | null | undefined {
    const { key, others } = this.keys;
    // Without a key it goes with its shard, wherever that is served now.
    if (isKeyless(this.keys)) return owners.withId(this.owner.id) ?? (this.keys === NO_KEYS ? owners.first : null);
    const owner = owners.ownerOfText(key);
    return others.every((other) => owners.ownerOfText(other) === owner) ? owner : undefined;
  }

  /** Its keys had one owner when it was taken, and have several now. */
  protected abstract onSeveralOwners(owners: RedisOwners): void;

  forEachKey(visit: (key: Key) => void): void {
    if (isKeyless(this.keys)) return;
    visit(this.keys.key);
    for (const other of this.keys.others) visit(other);
  }

  hasMovedIn(owners: Pick<Owners, 'isOwner' | 'has'>): boolean {
    const { key, others } = this.keys;
    if (!this.hasBegun) return false;
    // What moves is the key: where a server has sent the command makes no difference.
    const owner = this.redirected === null ? this.keysOwner : this.ownerIn(this.owners);
    if (owner === null || owner === undefined) return true;
    // A server in whose place another one comes may answer nothing any more, such as FLUSHALL.
    if (isKeyless(this.keys)) return !owners.has(owner);
    return !owners.isOwner(owner, key) || others.some((other) => !owners.isOwner(owner, other));
  }

  get isSent(): boolean {
    return this.connection !== null;
  }

  /** Its connection, where the shard does not take what is sent as fast as it comes. */
  get congestedConnection(): RedisConnection | null {
    return this.connection?.isCongested === true ? this.connection : null;
  }

  get heldBytes(): number {
    return this.raw?.length ?? 0;
  }

  keepContent(): void {
    if (this.raw === null && this.sendings === 0) this.raw = this.client.command.raw();
  }

  onHeldUp(): void {
    if (this.isOpen) this.client.waitForAll();
  }

  override forEachRequest(visit: (request: OpenRequest) => void): void {
    visit(this);
  }

  stopSending(): void {}

  shutDownConnection(): void {}

  isOn(connection: object): boolean {
    return this.connection === connection;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.startedMs;
  }
}

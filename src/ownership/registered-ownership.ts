import { type ClusterEvent, ClusterFollower } from '../handoff/index.ts';
import {
  type HeldLease,
  KNOWS,
  type MemberProcess,
  type NodeIdentity,
  NodeRegistration,
  type NodeValue,
  type OwnRights,
  type Registry,
} from '../registry/index.ts';
import {
  ClusterTable,
  type PositionRange,
  type SharedCluster,
  type StagedCluster,
  type Topology,
  type TopologyVersion,
} from '../topology/index.ts';
import type { Ownership, Verdict } from './ownership.ts';
import { hasEnded, processMark } from './process-mark.ts';

// What holds: this process serves a key by a version for no longer than the others expect from what it has last said.
// They wait for its acknowledgement of `hold`, whatever its shard is called and whatever else has that name; where it
// is cut off, for the end of its lease and the time beyond it that stands in the registry as this process's right. That
// right follows the versions: one that allows more counts once it stands there, one that allows less at once. A right
// is given up by saying that this process has ended, once it has.

const NEVER = Number.NEGATIVE_INFINITY;

/** Which shard this is. */
export interface ShardIdentity extends NodeIdentity {
  /** The address by which the topology has it. */
  readonly address: string;
  readonly process: MemberProcess;
  /**
   * Whether nothing is served any more by an earlier process of this shard, by its mark; `hasEnded` where it is not given, which is right where
   * the process itself serves.
   */
  readonly isOver?: (mark: string) => boolean;
}

/** A shard's part in a handoff: it gives up what it loses by that version. */
export interface GivingUp {
  readonly to: TopologyVersion;
  /** What was given up in an earlier attempt counts for nothing. */
  readonly attempt: number;
}

/** What becomes of what a shard holds when versions change. */
export interface OwnershipListener {
  /** A version begins; before anything is served by it. */
  onVersion(version: number, shards: readonly string[], lost: readonly string[]): void;
  /**
   * Whatever it says no to is not this shard's any more, until this resolves at least. Where something of that may still have an effect,
   * resolves once nothing can: before that no other shard gets the keys, this process does not report that it has ended, and it does not serve again.
   * @param positions of the keys that may have been lost since all was over that had been lost before; any where it is not given
   */
  onLost(serves: (key: string) => boolean, positions?: PositionRange): undefined | Promise<void>;
  /** Another version is staged, by which keys may be lost, or none is any more. */
  onStaged?(isStaged: boolean): void;
}

/** A router that knows of a newer version is ahead by a moment; longer, and this shard is cut off. */
const CATCH_UP_MS = 2000;
/** How often the shard looks whether the time is over for which it may serve. */
const CLOCK_TICK_MS = 200;
/** What is under way has so long to end where the shard leaves: beyond that nobody waits for it but by the times that the shard has promised. */
const LEAVES_WITHIN_MS = 10_000;

/** A shard has left while something of its keys may still be under way. Other shards get them once its lease and the time beyond that are over. */
export class LeftUnfinished extends Error {
  override readonly name = 'LeftUnfinished';

  constructor(shard: string, withinMs: number) {
    super(
      `what shard ${shard} had under way has not ended within ${withinMs} ms: the others wait until its lease has run out, and as long beyond that as it may serve`,
    );
  }
}

/**
 * What a shard owns as the registry has it. It gives up what it loses before another shard may serve it, and says so; and it
 * serves nothing beyond the time after which it may be taken for dead.
 */
export class RegisteredOwnership implements Ownership {
  readonly #registry: Registry;
  readonly #identity: ShardIdentity;
  readonly #clock: () => number;
  readonly #listener: OwnershipListener;
  readonly #follower: ClusterFollower;
  readonly #stopping = new AbortController();
  readonly #registration: NodeRegistration;
  readonly #rights: OwnRights;
  #table: ClusterTable | null = null;
  #build: number | undefined;
  /** What comes next, once it has been said that what is lost by it is given up. */
  #next: ClusterTable | null = null;
  #nextBuild: number | undefined;
  #givingUp: GivingUp | null = null;
  /** Nothing is under way of what was lost until now. */
  #isClear = false;
  /** Counts how often it was seen to that it is so. */
  #drops = 0;
  #confirmed: HeldLease | null = null;
  /**
   * By the clock: until when anything is begun, and when what was begun and has not ended has to be cut. In memory, so that it can
   * be compared with for each request.
   */
  readonly servesUntil = new Float64Array(new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT)).fill(NEVER);
  #isWell = true;
  #isStopping = false;
  /** The event that was carried out last. */
  #lastEvent = 0;
  #value: NodeValue;
  #waiting: Array<() => void> = [];
  #held = false;
  #running: Promise<void> = Promise.resolve();
  readonly #tick: NodeJS.Timeout;

  /** @param clock milliseconds of a monotonic clock. @param newest the newest version by which documents were written */
  constructor(
    registry: Registry,
    identity: ShardIdentity,
    clock: () => number,
    listener: OwnershipListener,
    newest: TopologyVersion | 0 = 0,
  ) {
    this.#registry = registry;
    this.#identity = identity;
    this.#clock = clock;
    this.#listener = listener;
    const { address, process } = identity;
    this.#value = { address, role: 'primary', healthy: false, process, knows: KNOWS };
    const rights = { fencing: true, address, beyondLeaseMs: 0, ended: false, process: processMark(process.pid) };
    this.#registration = new NodeRegistration(registry, identity, rights);
    this.#rights = this.#registration.rights;
    this.#follower = new ClusterFollower(
      registry,
      null,
      identity.name.cluster,
      identity.name,
      (event) => this.#onEvent(event),
      newest,
    );
    this.#tick = setInterval(() => this.#lookAtClock(), CLOCK_TICK_MS);
    this.#tick.unref();
  }

  /** Registers. Resolves once it is known what this shard owns. */
  async start(): Promise<void> {
    this.#running = this.#follower.run(this.#stopping.signal);
    await new Promise<void>((resolve) => {
      this.#registration.begin(this.#value, (lease) => void this.#onRegistered(lease).then(resolve));
    });
  }

  /** After it registered again, it may have been given up meanwhile: others must wait for it again before it serves. */
  async #onRegistered(lease: HeldLease): Promise<void> {
    const onLost = (): void => {
      this.#setTimes();
      this.#reportHealth();
    };
    lease.lost.addEventListener('abort', onLost, { once: true });
    const { isOver = hasEnded } = this.#identity;
    let held: boolean;
    do {
      held = this.holds;
      // Others may have had what was lost with an earlier lease: nothing of that may be left when this process serves again.
      if (!held) await this.#dropLost();
      await this.#rights.claim(lease.lost, ({ process }) => isOver(process));
      await this.#follower.confirmed(lease.lost, this.#identity.shard);
      // The time for which the earlier lease allowed it to serve may have run out meanwhile.
    } while (held && !this.holds && lease.isHeld);
    if (!lease.isHeld || this.#isStopping) return;
    this.#confirmed = lease;
    lease.onExtended = () => this.#setTimes();
    this.#setTimes();
    this.#lookAtClock();
    this.#reportHealth();
    this.#claimTimeBeyond();
  }

  /** Whether that with which it serves is well: where it is not, the others may take the shard out. */
  set isWell(isWell: boolean) {
    this.#isWell = isWell;
    this.#reportHealth();
  }

  #reportHealth(): void {
    const healthy = this.#isWell && this.#confirmed?.isHeld === true;
    if (healthy !== this.#value.healthy) this.#report({ healthy });
  }

  /** The others have to know what the version that is served allows beyond the lease. */
  #claimTimeBeyond(): void {
    const lease = this.#confirmed;
    if (lease === null) return;
    const { beyondLeaseMs } = this.#follower;
    const until = AbortSignal.any([lease.lost, this.#stopping.signal]);
    // Given up meanwhile, it may serve for as long as it had said, and no longer; the next registration claims again.
    void this.#rights.change({ beyondLeaseMs }, until).then(() => this.#setTimes());
    // Without failover it serves for as long as it runs, whatever the others wait for.
    if (Number.isFinite(beyondLeaseMs))
      void this.#registry.recordLongestLease(lease.lengthMs + beyondLeaseMs, until).then(() => this.#setTimes());
  }

  /**
   * Serves nothing any more, and reports that once nothing is under way: no handoff has to wait for it then. The caller closes the registry, whatever
   * comes of it: then the lease is renewed no more.
   * @throws LeftUnfinished where that takes too long
   */
  async stop(withinMs = LEAVES_WITHIN_MS): Promise<void> {
    this.#isStopping = true;
    this.#confirmed = null;
    this.#setTimes();
    clearInterval(this.#tick);
    const ended = new AbortController();
    const isLate = this.#registry.pause(withinMs, ended.signal, 0).then(() => !ended.signal.aborted);
    try {
      if (await Promise.race([this.#dropLost().then(() => false), isLate]))
        throw new LeftUnfinished(this.#identity.shard, withinMs);
      await this.#registration.end();
    } finally {
      ended.abort();
      // Where something may still be under way, the lease runs out, and the others wait for as long as this process may serve.
      this.#stopping.abort();
      await this.#running;
    }
  }

  get version(): number {
    return this.#table?.version ?? 0;
  }

  /** What is served; null: nothing is. */
  get topology(): Topology | null {
    return this.#follower.served?.topology ?? null;
  }

  /** What it is to give up, and the others wait for; null: nothing. */
  get givingUp(): GivingUp | null {
    return this.#givingUp;
  }

  /** The version that a handoff leads to which is under way; null: none is. */
  get staged(): Topology | null {
    return this.#follower.staged;
  }

  /** Grows each time that this process registers: of a later process of its shard it is larger. 0: it never has. */
  get registeredAt(): number {
    return this.#rights.claimedAt;
  }

  get holds(): boolean {
    return this.#clock() < (this.servesUntil[0] as number);
  }

  #setTimes(): void {
    const lease = this.#confirmed;
    // Of a lease whose store is gone nothing is left, whatever was allowed beyond it.
    if (lease === null || lease.untilMs === NEVER) {
      this.servesUntil.fill(NEVER);
      return;
    }
    const beyondMs = this.#beyondLeaseMs(lease);
    this.servesUntil[0] = lease.actsUntilMs + beyondMs;
    this.servesUntil[1] = lease.cutsAtMs + beyondMs;
  }

  #beyondLeaseMs({ lengthMs }: HeldLease): number {
    const beyondMs = Math.min(this.#follower.beyondLeaseMs, this.#rights.beyondLeaseMs);
    // Where lost shards are not taken out, no other shard gets this one's keys without its word: then it is for ever.
    if (!Number.isFinite(beyondMs)) return beyondMs;
    // Should the registry go back to a backup, the others wait for no longer than was recorded.
    return Math.min(beyondMs, this.#registry.longestLeaseMs - lengthMs);
  }

  admit(key: string, askedBy: number | null): Verdict | Promise<Verdict> {
    return askedBy !== null && askedBy > this.version ? this.#admitLater(key, askedBy) : this.#verdict(key);
  }

  async #admitLater(key: string, askedBy: number): Promise<Verdict> {
    const until = AbortSignal.timeout(CATCH_UP_MS);
    until.addEventListener('abort', () => this.#wake(), { once: true });
    while (askedBy > this.version && !until.aborted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (askedBy > this.version)
      return { kind: 'unknown', reason: `it is at version ${this.version}, and version ${askedBy} is asked for` };
    return this.#verdict(key);
  }

  #verdict(key: string): Verdict {
    if (!this.holds) return { kind: 'unknown', reason: 'it has lost its lease, and others may have its keys' };
    const bytes = Buffer.from(key, 'utf8');
    const version = this.lostBy(bytes, 0, bytes.length);
    if (version < 0) return { kind: 'unknown', reason: 'there is no topology of its cluster' };
    return version === 0 ? { kind: 'owner' } : { kind: 'stale', version };
  }

  /**
   * The version by which another shard has key[start, end), or is about to get it; 0 where it is this one's, and -1 where the cluster has
   * no topology. Looks at no lease.
   */
  lostBy(key: Uint8Array, start: number, end: number): number {
    const table = this.#table;
    if (table === null) return -1;
    if (!this.owns(table, key, start, end)) return this.version;
    const next = this.#next;
    return next === null || this.owns(next, key, start, end) ? 0 : (next.version as number);
  }

  /** Whether a key is this shard's by a table. */
  owns(table: ClusterTable, key: Uint8Array, start: number, end: number): boolean {
    const index = table.locate(key, start, end);
    if (index < 0) return false;
    const { id, address } = table.shardAt(index);
    return id === this.#identity.shard && address === this.#identity.address;
  }

  #onEvent(event: ClusterEvent): void {
    if (event.kind !== 'routing') return;
    const { table, staged, lost, id } = event;
    this.#lastEvent = id;
    // Until then routers may still send what they have in flight.
    const givesUp = staged?.shardsGiveUp === true;
    const positions = this.#isClear ? this.#lostSince(table, givesUp ? staged : null) : undefined;
    this.#nextBuild = givesUp ? staged.table.build : undefined;
    this.#listener.onStaged?.(staged !== null);
    this.#next = givesUp ? new ClusterTable(staged.table) : null;
    const loses = givesUp && staged.losing.includes(this.#identity.shard);
    this.#givingUp = loses ? { to: staged.to, attempt: staged.attempt } : null;
    // By their numbers alone two versions may be alike: one that was given up, and another.
    if (table?.build !== this.#build) this.#goBy(table, lost);
    this.#setTimes();
    const gone = this.#dropLost(positions);
    this.#claimTimeBeyond();
    if (this.#table !== null && this.#value.idle === true) this.#report({ idle: false });
    this.#follower.carriedOut(id);
    void gone.then(() => {
      // What has come meanwhile is answered by itself.
      if (this.#lastEvent === id) this.#reportGone();
    });
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The positions of the keys that are lost by what is current and given up now, and were not before; undefined: any. */
  #lostSince(table: SharedCluster | null, givenUp: StagedCluster | null): PositionRange | undefined {
    const isGivenUp = this.#nextBuild !== undefined && table?.build === this.#nextBuild;
    if (table?.build !== this.#build && !isGivenUp) return undefined;
    const isKnown = givenUp === null || givenUp.table.build === this.#nextBuild;
    return isKnown ? { from: 0, until: 0 } : givenUp.positions;
  }

  #goBy(table: SharedCluster | null, lost: readonly string[]): void {
    this.#build = table?.build;
    this.#table = table === null ? null : new ClusterTable(table);
    if (this.#table === null) return;
    this.#listener.onVersion(
      this.version,
      this.#table.shards().map((shard) => shard.id),
      lost,
    );
  }

  /** Nothing is under way of what is lost. */
  #reportGone(): void {
    if (this.#table === null && this.#value.idle !== true) this.#report({ idle: true });
    if (this.#givingUp !== null) this.#report({ acknowledged: { ...this.#givingUp, step: 'hold' } });
  }

  #report(news: Partial<NodeValue>): void {
    this.#value = { ...this.#value, ...news };
    void this.#registration.update(this.#value);
  }

  /** Resolves once nothing is under way of what is lost. @param positions see `OwnershipListener.onLost` */
  async #dropLost(positions?: PositionRange): Promise<void> {
    this.#isClear = false;
    this.#drops++;
    const drop = this.#drops;
    await this.#listener.onLost((key) => this.#verdict(key).kind === 'owner', positions);
    if (drop === this.#drops) this.#isClear = true;
  }

  #lookAtClock(): void {
    const { holds } = this;
    if (this.#held && !holds) void this.#dropLost();
    this.#held = holds;
  }
}

import { type ClusterEvent, ClusterFollower } from '../handoff/index.ts';
import {
  type HeldLease,
  type MemberProcess,
  type Membership,
  type NodeValue,
  newInstance,
  nodeName,
  type OwnRights,
  type Registry,
} from '../registry/index.ts';
import { ClusterTable, type TopologyName, type TopologyVersion } from '../topology/index.ts';
import type { Ownership, Verdict } from './ownership.ts';
import { hasEnded, processMark } from './process-mark.ts';

// What holds: this process serves a key by a version for no longer than the others expect from what it has last said.
// They wait for its acknowledgement of `hold`, whatever its shard is called and whatever else has that name; where it
// is cut off, for the end of its lease and the time beyond it that stands in the registry as this process's right. That
// right follows the versions: one that allows more counts once it stands there, one that allows less at once. A right
// is given up by saying that this process has ended, once it has.

/** Which shard this is. */
export interface ShardIdentity {
  readonly name: TopologyName;
  readonly shard: string;
  /** The address by which the topology has it. */
  readonly address: string;
  readonly nodeId: string;
  readonly leaseMs: number;
  readonly process: MemberProcess;
}

/** What becomes of what a shard holds when versions change. */
export interface OwnershipListener {
  /** A version begins; before anything is served by it. */
  onVersion(version: number, shards: readonly string[], lost: readonly string[]): void;
  /** Whatever it says no to is not this shard's any more. */
  onLost(serves: (key: string) => boolean): void;
}

/** A router that knows of a newer version is ahead by a moment; longer, and this shard is cut off. */
const CATCH_UP_MS = 2000;
/** How long this process tries to report that it has ended; where it cannot, the others wait for it. */
const STOP_MS = 1000;
/** How often the shard looks whether the time is over for which it may serve. */
const CLOCK_TICK_MS = 200;

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
  readonly #instance = newInstance();
  readonly #rights: OwnRights;
  #table: ClusterTable | null = null;
  #build: number | undefined;
  /** What comes next, once it has been said that what is lost by it is given up. */
  #next: ClusterTable | null = null;
  #confirmed: HeldLease | null = null;
  #membership: Membership | null = null;
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
    const { name, shard, nodeId, address, process } = identity;
    this.#value = { address, role: 'primary', healthy: false, process };
    this.#rights = registry.handoffs.ownRights(
      name,
      { shard, nodeId, instance: this.#instance },
      { fencing: true, address, beyondLeaseMs: 0, ended: false, process: processMark(process.pid) },
    );
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
    const { name, shard, nodeId, leaseMs } = this.#identity;
    this.#running = this.#follower.run(this.#stopping.signal);
    await new Promise<void>((resolve) => {
      this.#membership = this.#registry.members.register(
        'node',
        nodeName(name, shard, nodeId),
        this.#value,
        leaseMs,
        (lease) => void this.#onRegistered(lease).then(resolve),
        this.#instance,
      );
    });
  }

  /** After it registered again, it may have been given up meanwhile: others must wait for it again before it serves. */
  async #onRegistered(lease: HeldLease): Promise<void> {
    lease.lost.addEventListener('abort', () => this.#tell({ healthy: false }), { once: true });
    await this.#rights.claim(lease.lost, ({ process }) => hasEnded(process));
    await this.#follower.confirmed(lease.lost, this.#identity.shard);
    if (!lease.isHeld) return;
    this.#confirmed = lease;
    this.#lookAtClock();
    this.#tell({ healthy: true });
    this.#claimTimeBeyond();
  }

  /** The others have to know what the version that is served allows beyond the lease. */
  #claimTimeBeyond(): void {
    const lease = this.#confirmed;
    if (lease === null) return;
    const { beyondLeaseMs } = this.#follower;
    // Given up meanwhile, it may serve for as long as it had said, and no longer; the next registration claims again.
    void this.#rights.change({ beyondLeaseMs }, AbortSignal.any([lease.lost, this.#stopping.signal]));
  }

  /** Serves nothing any more, and says so: no handoff has to wait for it. */
  async stop(): Promise<void> {
    this.#confirmed = null;
    clearInterval(this.#tick);
    this.#lookAtClock();
    await this.#rights.change({ ended: true }, AbortSignal.timeout(STOP_MS));
    await this.#membership?.leave();
    this.#stopping.abort();
    await this.#running;
  }

  get version(): number {
    return this.#table?.version ?? 0;
  }

  get holds(): boolean {
    const lease = this.#confirmed;
    if (lease === null) return false;
    // Where lost shards are not taken out, no other shard gets this one's keys without its word: then it is for ever.
    const beyondMs = Math.min(this.#follower.beyondLeaseMs, this.#rights.beyondLeaseMs);
    return this.#clock() < lease.actsUntilMs + beyondMs;
  }

  admit(key: string, askedBy: number | null): Verdict | Promise<Verdict> {
    return askedBy !== null && askedBy > this.version ? this.#admitLater(key, askedBy) : this.#verdict(key);
  }

  async #admitLater(key: string, askedBy: number): Promise<Verdict> {
    const until = AbortSignal.timeout(CATCH_UP_MS);
    while (askedBy > this.version && !until.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        until.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (askedBy > this.version)
      return { kind: 'unknown', reason: `it is at version ${this.version}, and version ${askedBy} is asked for` };
    return this.#verdict(key);
  }

  #verdict(key: string): Verdict {
    if (!this.holds) return { kind: 'unknown', reason: 'it has lost its lease, and others may have its keys' };
    if (this.#table === null) return { kind: 'unknown', reason: 'there is no topology of its cluster' };
    if (!this.#isOwner(this.#table, key)) return { kind: 'stale', version: this.version };
    if (this.#next !== null && !this.#isOwner(this.#next, key))
      return { kind: 'stale', version: this.#next.version as number };
    return { kind: 'owner' };
  }

  #isOwner(table: ClusterTable, key: string): boolean {
    const bytes = Buffer.from(key, 'utf8');
    const index = table.locate(bytes, 0, bytes.length);
    if (index < 0) return false;
    const { id, address } = table.shardAt(index);
    return id === this.#identity.shard && address === this.#identity.address;
  }

  #onEvent(event: ClusterEvent): void {
    if (event.kind !== 'routing') return;
    const { table, staged, lost, id } = event;
    // By their numbers alone two versions may be alike: one that was given up, and another.
    if (table?.build !== this.#build) {
      this.#build = table?.build;
      this.#table = table === null ? null : new ClusterTable(table);
      if (this.#table !== null)
        this.#listener.onVersion(
          this.version,
          this.#table.shards().map((shard) => shard.id),
          lost,
        );
    }
    // Until then routers may still send what they have in flight.
    const givesUp = staged?.shardsGiveUp === true;
    this.#next = givesUp ? new ClusterTable(staged.table) : null;
    this.#dropLost();
    this.#claimTimeBeyond();
    const idle = this.#table === null;
    if (idle !== (this.#value.idle === true)) this.#tell({ idle });
    this.#follower.carriedOut(id);
    if (givesUp && staged.losing.includes(this.#identity.shard)) this.#acknowledge(staged.to, staged.attempt);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** What was in flight is done: an operation takes one turn, and this is another. */
  #acknowledge(to: NonNullable<NodeValue['acknowledged']>['to'], attempt: number): void {
    this.#tell({ acknowledged: { to, attempt, step: 'hold' } });
  }

  #tell(news: Partial<NodeValue>): void {
    this.#value = { ...this.#value, ...news };
    void this.#membership?.update(this.#value);
  }

  #dropLost(): void {
    this.#listener.onLost((key) => this.#verdict(key).kind === 'owner');
  }

  #lookAtClock(): void {
    const { holds } = this;
    if (this.#held && !holds) this.#dropLost();
    this.#held = holds;
  }
}

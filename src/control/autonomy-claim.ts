import type { ClusterFollower } from '../handoff/index.ts';
import {
  autonomyText,
  type HeldLease,
  type OwnEntry,
  qualified,
  type Registry,
  StoreUnavailable,
} from '../registry/index.ts';

/** Between attempts to take a claim back. Until it is, it stands, and others may wait for longer than they must. */
const RETRY_MS = 200;
/** How often that is tried where the router stops: a store that is busy answers in between. */
const FAREWELLS = 5;

/**
 * What a router has announced about serving on without a lease, and by which version. What holds: it serves a version
 * without its lease only while its word for that version stands in the registry; and the file from which it would start again
 * bears that word only while the registry has it. In between it serves by its lease, as any router does.
 */
export class AutonomyClaim {
  readonly #registry: Registry;
  readonly #follower: ClusterFollower;
  readonly #self: string;
  readonly #entry: OwnEntry;
  readonly #onChange: () => void;
  readonly #stopping = new AbortController();
  /** The number of what was served when the registry took it down. */
  #claimed: number | null = null;
  /** By which the router is registered, and does what the registry said after that. */
  #lease: HeldLease | null = null;
  #settling: Promise<void> | null = null;
  #forgetting: Promise<void> = Promise.resolve();
  #isSettled = true;
  /** What stands in the registry is this process's last word. */
  #isKnown = false;

  /**
   * @param self the router, as `qualified` names it
   * @param onChange called when it may do more without a lease than before
   */
  constructor(registry: Registry, follower: ClusterFollower, self: string, onChange: () => void) {
    this.#registry = registry;
    this.#follower = follower;
    this.#self = self;
    this.#entry = registry.handoffs.autonomyEntry(follower.topologyName, self);
    this.#onChange = onChange;
  }

  /** Whether what is served now may be served without a lease. */
  get holds(): boolean {
    const { served, needsNoLease, goesByPredecessor } = this.#follower;
    return needsNoLease && (goesByPredecessor || (served !== null && served.number === this.#claimed));
  }

  onConfirmed(lease: HeldLease): void {
    this.#lease = lease;
    // While it was away, people may have said that it had ended: then its word does not stand any more. And where the registry went back, a word
    // stands again that was taken back.
    this.#claimed = null;
    this.#isKnown = false;
    this.settle();
  }

  /** Whether what was served before what is served now may have been without a lease, so that it may end in its own time. */
  get covers(): boolean {
    return this.#claimed !== null || this.#follower.predecessor !== null;
  }

  /**
   * Writes to the registry what is served by now. Call it whenever that has changed; no more may be done by it than
   * `holds` says.
   */
  settle(): void {
    this.#isSettled = false;
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = null;
    });
  }

  async #settle(): Promise<void> {
    while (!this.#isSettled && this.#lease !== null && !this.#isOver(this.#lease)) {
      this.#isSettled = true;
      await this.#settleOnce(this.#lease);
    }
  }

  async #settleOnce(lease: HeldLease): Promise<void> {
    const follower = this.#follower;
    const { served } = follower;
    if (served === null || !follower.needsNoLease) {
      this.#claimed = null;
      // A write that was long on its way may have come behind the removal: then the word stands again.
      if (follower.hasClaimOf(this.#self)) this.#isKnown = false;
      if (!(await this.#isTakenBack(this.#stopping.signal))) this.#isSettled = false;
    } else if (served.number !== this.#claimed) {
      // It is looked again once all threads have it, or the disk can be written.
      if (!follower.isCarriedOut || follower.claimOnDisk === this.#self) return;
      const text = autonomyText(served.topology, follower.isFenced);
      const until = AbortSignal.any([lease.lost, this.#stopping.signal]);
      // Given up in the middle, it may have been written.
      this.#isKnown = false;
      const isWritten = await this.#entry.write(() => text, { over: 'anything', until });
      // What has come meanwhile is seen to next.
      if (!isWritten || follower.served !== served || this.#lease !== lease) return;
      follower.keepAs(this.#self);
      this.#isKnown = true;
      this.#claimed = served.number;
      this.#onChange();
    }
    this.#dismissPredecessor(lease);
  }

  #isOver(lease: HeldLease): boolean {
    return lease.lost.aborted || this.#stopping.signal.aborted;
  }

  /** Takes the word back. @returns false where it may stand still; a while later */
  async #isTakenBack(until: AbortSignal): Promise<boolean> {
    this.#follower.keepAs(null);
    try {
      this.#isKnown = await this.#entry.remove(this.#isKnown ? 'own' : 'anything');
      if (this.#isKnown) return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    await this.#registry.pause(RETRY_MS, until);
    return false;
  }

  /** The process that kept its topology here before: its word stands for this one, until this one has given its own. */
  #dismissPredecessor(lease: HeldLease): void {
    const follower = this.#follower;
    const { predecessor } = follower;
    if (predecessor === null || follower.claimOnDisk === predecessor) return;
    follower.dismissPredecessor();
    this.#forgetting = this.#forget(predecessor, lease.lengthMs);
  }

  /**
   * Takes the word of a process back that has ended. One that was killed is listed until its lease ends, which is as long as
   * this one's.
   */
  async #forget(predecessor: string, leaseMs: number): Promise<void> {
    const { signal } = this.#stopping;
    for (const waitMs of [0, 2 * leaseMs]) {
      await this.#registry.pause(waitMs, signal, 0);
      if (signal.aborted) return;
      try {
        const routers = await this.#registry.members.list('router');
        // Two that share a disk by mistake answer each for themselves.
        if (routers.some(({ name, instance }) => qualified(name, instance) === predecessor)) continue;
        await this.#registry.handoffs.forgetAutonomous(this.#follower.topologyName, predecessor);
        return;
      } catch (error) {
        // Its word stands for longer, which does no harm but that changes may have to wait for it.
        if (!(error instanceof StoreUnavailable)) throw error;
      }
    }
  }

  /** The router serves nothing any more. Where the registry is away its word stands, and the next process here may go by it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#settling, this.#forgetting]);
    const { signal } = new AbortController();
    for (let i = 0; i < FAREWELLS && !this.#follower.isCutOff; i++) if (await this.#isTakenBack(signal)) return;
  }
}

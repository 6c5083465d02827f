import {
  autonomousRouterName,
  type ClusterState,
  type HandoffView,
  isUnderWay,
  type Registry,
  type StoredHandoff,
  shardsGiveUp,
  type TopologyEvent,
} from '../registry/index.ts';
import {
  changedPositions,
  isStrict,
  type StagedCluster,
  servingShards,
  shareCluster,
  type Topology,
  type TopologyName,
  type TopologyVersion,
} from '../topology/index.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { fences } from './fences.ts';
import { raiseAbove } from './raise-above.ts';
import { readState } from './read-state.ts';
import { isSame } from './same-topology.ts';
import type { Next, Served } from './served.ts';
import { TopologyCopy, type TopologyKeeper } from './topology-copy.ts';

/** After an outage of the registry. */
const RETRY_MS = 100;

/**
 * Follows a cluster in the registry: its topology, and its handoffs. The two come from separate watches, either of
 * which may be ahead; what is reported to the router is of one moment.
 */
export class ClusterFollower {
  /** The follower's name for it; the registry may have another. */
  readonly cluster: string;
  readonly topologyName: TopologyName;
  readonly #registry: Registry;
  readonly #copy: TopologyCopy;
  readonly #onEvent: (event: ClusterEvent) => void;
  /** Undefined: nothing is known yet. */
  #served: Served | null | undefined = undefined;
  #view: HandoffView = { handoff: null, staged: null, nodes: [], autonomous: [] };
  #hasView = false;
  #next: Next | null = null;
  /** A version that the handoff has reported and the topology's watch has not: what the watch reports before it is past. */
  #ahead: TopologyVersion | null = null;
  /** What is current cannot be read. */
  #isMisread = false;
  /** The newest version that was ever known here; */
  #newest: TopologyVersion | 0;
  /** and what a process before this one has kept. */
  #before: Topology | null = null;
  /** The registry has forgotten it: what is current there has a number that was another's. */
  #isForgotten = false;
  #isRaising = false;
  #signal: AbortSignal = AbortSignal.abort();
  /** Of which incarnation of the registry the topology is, and the view. */
  #incarnation = '';
  #viewOf = '';
  #reported = '';
  #from: 'registry' | 'disk' = 'registry';
  #id = 0;
  #outages = 0;
  #builds = 0;
  #carriedOut = 0;
  #waiting: Array<() => void> = [];
  /** Called when what decides may have changed whether this router needs its lease. */
  onChange: () => void = () => {};

  /** @param newest a version that is known otherwise, of which the registry may have lost those up to it */
  constructor(
    registry: Registry,
    kept: TopologyKeeper | null,
    cluster: string,
    name: TopologyName,
    onEvent: (event: ClusterEvent) => void,
    newest: TopologyVersion | 0 = 0,
  ) {
    this.#newest = newest;
    this.#registry = registry;
    this.cluster = cluster;
    this.topologyName = name;
    this.#onEvent = onEvent;
    this.#copy = new TopologyCopy(kept, name, (message) => onEvent({ kind: 'warning', cluster, message }));
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#before = this.#copy.open()?.topology ?? null;
    // Where it was the only one, nobody else can tell that the registry has forgotten it.
    this.#newest = Math.max(this.#newest, this.#before?.version ?? 0) as TopologyVersion;
    await Promise.all([this.#followTopology(signal), this.#followHandoffs(signal)]);
  }

  async #followTopology(signal: AbortSignal): Promise<void> {
    for await (const event of this.#registry.topologies.watch(this.topologyName, null, signal)) {
      if (event.kind === 'topology' || event.kind === 'gone') this.#onTopology(event);
      else if (event.kind === 'unreadable') this.#onUnreadable(event);
      else this.#onReach(event.kind === 'outage' ? event.cause : null);
    }
  }

  async #followHandoffs(signal: AbortSignal): Promise<void> {
    for await (const event of this.#registry.handoffs.watch(this.topologyName, signal)) {
      if (event.kind !== 'view') this.#onReach(event.kind === 'outage' ? event.cause : null);
      else {
        this.#view = event.view;
        this.#viewOf = event.incarnation;
        this.#hasView = true;
        this.#publish();
      }
    }
  }

  #onTopology(event: Extract<TopologyEvent, { kind: 'topology' | 'gone' }>): void {
    this.#enter(event.incarnation);
    if (event.kind === 'topology' && this.#ahead !== null && event.topology.version < this.#ahead) return;
    this.#isForgotten = event.kind === 'topology' && this.#hasComeBefore(event.topology);
    if (this.#isForgotten) {
      void this.#raise();
      return;
    }
    this.#ahead = null;
    this.#isMisread = false;
    this.#from = 'registry';
    if (event.kind === 'gone') this.#served = null;
    else {
      const { topology } = event;
      // Often it is what was staged: its building need not be waited for.
      const known = [this.#served, this.#next].find((each) => each != null && isSame(each.topology, topology));
      this.#served = known ?? this.#build(topology);
      if (known === this.#next) this.#next = null;
    }
    this.#publish();
  }

  /** Where the registry went back, no number of before compares with those of now. */
  #enter(incarnation: string): void {
    if (incarnation === this.#incarnation) return;
    this.#incarnation = incarnation;
    this.#ahead = null;
  }

  /** Whether a version has a number that another one has had before: the registry has forgotten that. */
  #hasComeBefore(topology: Topology): boolean {
    const { version } = topology;
    if (version !== this.#newest) return version < this.#newest;
    const served = this.#served;
    if (served?.topology.version === version) return !isSame(served.topology, topology);
    // Another release may have kept less of it: what counts is which keys have which owners.
    return this.#before?.version === version && changedPositions(this.#before, topology).until > 0;
  }

  /** Has the registry's version committed again, above every version known here; until then what was served stays. */
  async #raise(): Promise<void> {
    if (this.#isRaising) return;
    this.#isRaising = true;
    const newest = (): TopologyVersion | null => (this.#isForgotten ? (this.#newest as TopologyVersion) : null);
    await raiseAbove(newest, this.#registry, this.topologyName, RETRY_MS, this.#signal);
    this.#isRaising = false;
  }

  /** What was served stays in use; from the disk, where nothing was. */
  #onUnreadable(event: Extract<TopologyEvent, { kind: 'unreadable' }>): void {
    this.#enter(event.incarnation);
    this.#isMisread = true;
    if (this.#served === undefined) this.#serveKept();
    if (this.#served === undefined) this.#served = null;
    this.#publish();
  }

  #build(topology: Topology): Served {
    this.#builds++;
    return {
      number: this.#builds,
      topology,
      table: shareCluster({ ...topology, name: this.cluster }, topology.version),
    };
  }

  #onReach(cause: Error | null): void {
    this.#outages += cause === null ? -1 : 1;
    if (cause !== null && this.#outages === 1) {
      if (this.#served === undefined) this.#serveKept();
      this.#onEvent({ kind: 'outage', cluster: this.cluster, reason: cause.message });
    }
    if (cause === null && this.#outages === 0) this.#onEvent({ kind: 'recovered', cluster: this.cluster });
  }

  #serveKept(): void {
    const kept = this.#copy.read();
    if (kept === null) return;
    this.#from = 'disk';
    this.#served = this.#build(kept.topology);
    this.#copy.onServed(kept, this.#served.number);
    this.#view = { ...this.#view, nodes: kept.nodes };
    this.#hasView = true;
    this.#publish();
  }

  #publish(): void {
    this.#reportMoment();
    this.#wake();
  }

  #wake(): void {
    for (const check of this.#waiting.splice(0)) check();
  }

  /** Reports to the router what to do, once both watches agree on a moment. */
  #reportMoment(): void {
    if (this.#served === undefined || !this.#hasView || this.#viewOf !== this.#incarnation) return;
    this.#newest = Math.max(this.#newest, this.#served?.topology.version ?? 0) as TopologyVersion;
    const { handoff, staged } = this.#view;
    if (this.#isBehind && handoff?.step === 'committed' && this.#next?.attempt === handoff.attempt) {
      this.#served = this.#next;
      this.#next = null;
      this.#ahead = handoff.to;
    }
    // What is held stays so until the version is known that the handoff is about.
    if (this.#isBehind) return;
    this.#reportRouting(this.#stagedFor(handoff, staged));
    this.onChange();
    this.#keep();
  }

  /** The version that the handoff is about, or has led to, is not known here yet. */
  get #isBehind(): boolean {
    const { handoff } = this.#view;
    const served = this.#served ?? null;
    if (handoff === null || served === null) return false;
    return (handoff.step === 'committed' ? handoff.to : handoff.from) > served.topology.version;
  }

  #stagedFor(handoff: StoredHandoff | null, staged: Topology | null): StagedCluster | null {
    const served = this.#served;
    if (served === undefined || served === null || handoff === null || staged === null) return null;
    if (!isUnderWay(handoff) || handoff.from !== served.topology.version) return null;
    const { attempt, step, to, losing, watchesEnd = 'drain' } = handoff;
    const { table, positions } = this.#prepare(served, staged, attempt);
    const lost = losing.filter((shard) => handoff.lost.includes(shard));
    const begun = { to, attempt, step: step as StagedCluster['step'], shardsGiveUp: shardsGiveUp(handoff) };
    return { ...begun, watchesEnd, losing, lost, table, positions };
  }

  /** Builds what is staged, unless that was done for an earlier step. */
  #prepare(served: Served, staged: Topology, attempt: number): Next {
    const known = this.#next;
    const isKnown = known !== null && known.replaces === served.number && isSame(known.topology, staged);
    const positions = isKnown ? known.positions : changedPositions(served.topology, staged);
    this.#next = { ...(isKnown ? known : this.#build(staged)), attempt, replaces: served.number, positions };
    return this.#next;
  }

  #reportRouting(staged: StagedCluster | null): void {
    const served = this.#served ?? null;
    const { attempt, step, shardsGiveUp: givesUp, lost: dead } = staged ?? {};
    const reported = JSON.stringify([served?.number, this.#from, attempt, step, givesUp, dead]);
    if (reported === this.#reported) return;
    this.#reported = reported;
    const table = served?.table ?? null;
    this.#id++;
    const { handoff } = this.#view;
    const lost = handoff !== null && handoff.to === served?.topology.version ? handoff.lost : [];
    this.#onEvent({ kind: 'routing', cluster: this.cluster, table, staged, lost, from: this.#from, id: this.#id });
  }

  /** Behind what the router waits for. */
  #keep(): void {
    const served = this.#served ?? null;
    if (served !== null && this.#from !== 'disk') this.#copy.keep(served.topology, served.number, this.#view.nodes);
  }

  /** What an event said is done. */
  carriedOut(id: number): void {
    this.#carriedOut = Math.max(this.#carriedOut, id);
    this.#wake();
    this.onChange();
  }

  /** Whether what was reported last is done. */
  get isCarriedOut(): boolean {
    return this.#carriedOut === this.#id;
  }

  /** What is served, and its number among what was: versions may come again. Null: nothing is. */
  get served(): { readonly topology: Topology; readonly number: number } | null {
    return this.#served ?? null;
  }

  /** What a handoff leads to that is under way; null: none is, or it is about another version than is served. */
  get staged(): Topology | null {
    return this.#next?.topology ?? null;
  }

  /** Whether it is known that the registry cannot be reached. */
  get isCutOff(): boolean {
    return this.#outages > 0;
  }

  // ---- which router has claimed that this may be served without a lease -------------------------------------------

  /** Keeps with what is served in whose name the registry has it. @param claimedBy null: it has it not any more */
  keepAs(claimedBy: string | null): void {
    this.#copy.claim(claimedBy, this.served?.number ?? null);
    this.#keep();
  }

  /** Whether the registry has a router's word that it may serve without a lease, as far as is known here. @param router as `qualified` names it */
  hasClaimOf(router: string): boolean {
    return this.#view.autonomous.some((each) => autonomousRouterName(each) === router);
  }

  /** In whose name a process would start from what is kept on disk. */
  get claimOnDisk(): string | null {
    return this.#copy.claimOnDisk;
  }

  /** In whose name a process served before this one, from the same disk, until that is dismissed. */
  get predecessor(): string | null {
    return this.#copy.predecessor;
  }

  /** What is served is what the predecessor had claimed, and is claimed still. */
  get goesByPredecessor(): boolean {
    return this.#copy.isPredecessors(this.#served?.number);
  }

  dismissPredecessor(): void {
    this.#copy.dismissPredecessor();
  }

  /**
   * Resolves once what the registry says at a moment from now on is done, or `signal` is aborted. The registry being away is
   * waited out.
   * @param shard that must not have been given up by a handoff that is under way
   */
  async confirmed(signal: AbortSignal, shard: string | null = null): Promise<void> {
    const state = await readState(this.#registry, this.topologyName, signal);
    if (state === null) return;
    const { pointer, handoff, incarnation } = state;
    const isUpToDate = (): boolean =>
      this.#incarnation === incarnation &&
      this.#viewOf === incarnation &&
      (this.#view.handoff?.revision ?? 0) >= (handoff?.revision ?? 0) &&
      this.#servesWhatIs(pointer) &&
      // The pointer may have been read before the commit that the handoff is of.
      !this.#isBehind &&
      this.isCarriedOut &&
      (shard === null || !this.#isGivenUp(shard));
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted && !isUpToDate()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Whether what is served is what is current by a read; a version that cannot be read here may be served by others. */
  #servesWhatIs(pointer: ClusterState['pointer']): boolean {
    const served = this.#served;
    if (served === undefined || this.#isForgotten) return false;
    if (pointer === undefined) return served !== null && !this.#isMisread;
    return pointer === null || pointer.deleted || (served?.topology.version ?? 0) >= pointer.version;
  }

  #isGivenUp(shard: string): boolean {
    const { handoff } = this.#view;
    return handoff !== null && isUnderWay(handoff) && handoff.lost.includes(shard);
  }

  /**
   * For how long a shard may serve by what is served here once its lease has ended: until it is taken for lost; infinite where
   * lost shards are not taken out. 0 where nothing is served.
   */
  get beyondLeaseMs(): number {
    const served = this.#served;
    if (served === undefined || served === null) return 0;
    return served.topology.failover?.afterMs ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Whether a router may serve without a lease, once the others know: where each router changes over when it hears of it, and
   * where every shard itself refuses what it has lost. A router that keeps nothing on disk never does: nothing could take back
   * what it has claimed once it was killed.
   */
  get needsNoLease(): boolean {
    const { served } = this;
    return this.#copy.isKept && served !== null && (!isStrict(served.topology) || this.isFenced);
  }

  /** Whether every shard of what is served refuses what it has lost. */
  get isFenced(): boolean {
    const { served } = this;
    return served != null && servingShards(served.topology).every((shard) => fences(this.#view.nodes, shard));
  }
}

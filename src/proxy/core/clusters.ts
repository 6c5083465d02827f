import { isDeepStrictEqual } from 'node:util';
import type { PositionRange, SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { CoreContext } from './context.ts';
import { Departures } from './departures.ts';
import { Drainer, type Leaver } from './drain/drainer.ts';
import { Fence } from './gate/fence.ts';
import { Gate, type GateKeeper } from './gate/gate.ts';
import type { RequestGate } from './gate/request-gate.ts';
import type { OpenRequest } from './open-request.ts';
import type { ClusterOwners, RoutedCluster } from './owner/cluster-owners.ts';
import type { PoolFactories } from './owner/pool.ts';
import { Upstreams } from './owner/upstreams.ts';

/** The requests that are under way in a thread. */
export interface OpenRequests {
  requests(): Iterable<OpenRequest>;
  /** Visits them, some at a time; resolves once all were visited. */
  visitSome(visit: (request: OpenRequest) => void): Promise<void>;
}

/**
 * The clusters that a thread routes to: the owners in each, what stands before the owners, and what becomes of requests whose keys or
 * owners move.
 */
export class Clusters {
  readonly #open: OpenRequests;
  readonly #context: CoreContext;
  readonly #upstreams: Upstreams;
  readonly #drainer: Drainer;
  readonly #gates = new Map<string, RequestGate>();
  /** Those of them that stand before one shard. */
  readonly #fences = new Map<string, Fence>();
  readonly #owners = new Map<string, ClusterOwners>();
  readonly #departures = new Departures();
  /** By cluster: the dead shards whose connections were cut, and for which version. */
  readonly #cutFor = new Map<string, { readonly to: number; readonly shards: ReadonlySet<string> }>();
  /** Those whose topology was deleted. */
  readonly #deleted = new Departures();
  readonly #onOwners: (owners: ClusterOwners) => void;

  /** @param onOwners called when a cluster has other owners than before, other than by another config */
  constructor(
    context: CoreContext,
    pools: PoolFactories,
    open: OpenRequests,
    onOwners: (owners: ClusterOwners) => void,
  ) {
    this.#context = context;
    this.#open = open;
    this.#upstreams = new Upstreams(context, pools);
    this.#drainer = new Drainer(context);
    this.#onOwners = onOwners;
  }

  /** The owners in a cluster now. A cluster that is no longer in the config stays known for requests that are on their way to it. */
  ownersIn(cluster: string): ClusterOwners | undefined {
    return this.#owners.get(cluster);
  }

  #gateOf(cluster: RoutedCluster): RequestGate | null {
    const gate = this.#newGate(cluster);
    if (gate !== null) this.#gates.set(cluster.name, gate);
    return gate;
  }

  #newGate({ name, servesUntil, fenced }: RoutedCluster): RequestGate | null {
    const keeper: GateKeeper = {
      owners: () => this.#owners.get(name) as ClusterOwners,
      visitOpen: (visit) =>
        this.#open.visitSome((request) => {
          if (request.owner.cluster === name) visit(request);
        }),
      drain: (leavers, sinceMs) => this.#drainer.add(leavers, sinceMs),
      end: (leavers) => this.#drainer.endNow(leavers),
      cut: () => this.#cut(name, fenced?.label),
    };
    if (servesUntil !== undefined) return new Gate(this.#context, name, servesUntil, keeper);
    if (fenced === undefined) return null;
    const fence = new Fence(this.#context, name, fenced, keeper);
    this.#fences.set(name, fence);
    return fence;
  }

  /** See `Fence.release`. */
  release(cluster: string, positions: PositionRange | undefined): Promise<void> {
    return this.#fences.get(cluster)?.release(positions) ?? Promise.resolve();
  }

  /** See `Fence.expect`. */
  expect(cluster: string, isStaged: boolean): void {
    this.#fences.get(cluster)?.expect(isStaged);
  }

  /** See `Fence.isCut`. */
  isCut(cluster: string): boolean {
    return this.#fences.get(cluster)?.isCut ?? false;
  }

  /** See `Fence.worksOnLeaving`. */
  worksOnLeaving(cluster: string, ...leaving: Parameters<Fence['worksOnLeaving']>): Promise<boolean> {
    return this.#fences.get(cluster)?.worksOnLeaving(...leaving) ?? Promise.resolve(false);
  }

  // ---- another version of a cluster ----------------------------------------------------------------------------------

  /**
   * Routes by a table of a cluster from now on, with what is staged beside it. Requests in flight keep the owner that they
   * have; those that stay open and whose keys have moved leave, and come back to the new owner. Others are not touched.
   */
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): void {
    const owners = this.#owners.get(cluster);
    // The config has it no more.
    if (owners === undefined) return;
    // What was sent by the lease is cut before another version is served.
    this.#gates.get(cluster)?.lookAtLease();
    if ((table?.build ?? 0) !== owners.build) this.#changeOver(owners, table);
    const { upstream } = owners;
    const next = staged === null ? null : this.#upstreams.ownersToBe({ name: cluster, upstream, table: staged.table });
    this.#gates.get(cluster)?.changed(staged, next);
    if (staged !== null && staged.step !== 'stage') this.#cutDead(cluster, staged);
  }

  /**
   * One that hangs would keep what is under way at it for as long as it does. Once in a handoff: nothing that moves is sent there afterwards, and where
   * the shard is started again, what does not move is served by it.
   */
  #cutDead(cluster: string, { to, lost = [] }: StagedCluster): void {
    const before = this.#cutFor.get(cluster);
    const cut = before?.to === to ? before.shards : new Set<string>();
    const dead = lost.filter((shard) => !cut.has(shard));
    if (dead.length === 0) return;
    this.#cutFor.set(cluster, { to, shards: new Set([...cut, ...dead]) });
    this.#upstreams.cutShards(cluster, dead);
  }

  /** Resolves once a step of a handoff is done by this thread; false where it is not the one that is under way. */
  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#gates.get(cluster)?.settled(attempt, step) ?? Promise.resolve(false);
  }

  /** How many watches are open whose keys move by what is staged, once that step is done. */
  moving(cluster: string): number {
    return this.#gates.get(cluster)?.movingWatches ?? 0;
  }

  /** Whether what is staged could be held at once, without waiting for a call that takes long. */
  isQuiet(cluster: string): boolean {
    return this.#gates.get(cluster)?.isQuiet ?? false;
  }

  #changeOver(before: ClusterOwners, table: SharedCluster | null): void {
    const { name, upstream, gate } = before;
    const owners = this.#upstreams.ownersOf({ name, upstream, table }, gate);
    this.#owners.set(name, owners);
    this.#onOwners(owners);
    if (table === null) this.#deleted.add(name);
    else this.#deleted.comeBack(name);
    this.#drainMoved(before, owners);
  }

  #drainMoved(before: ClusterOwners, owners: ClusterOwners): void {
    const { name } = owners;
    // After a handoff nothing is left that could have moved.
    if (owners.gate?.hasHandedOverTo(owners.build) === true) return;
    const versions =
      before.version === null && owners.version === null
        ? 'has other shards now'
        : `was at version ${before.version ?? 0} and is at version ${owners.version ?? 0}`;
    this.#drainWhere(
      `the key has moved: ${name} ${versions}`,
      (request) =>
        request.owner.cluster === name &&
        this.#owners.get(name) === owners &&
        // What waits there goes to its new owner by itself.
        owners.gate?.holds(request) !== true &&
        request.hasMovedIn(owners),
    );
  }

  /** A shard ends a connection in order: what is open on it leaves. */
  drainConnection(connection: object, shard: string): void {
    this.#drainWhere(`shard ${shard} goes away`, (request) => request.isOn(connection));
  }

  /** Makes streams leave; requests that are not yet sent look for their owner again. They are looked at some at a time, so that requests have their turn in between. */
  #drainWhere(reason: string, hasToLeave: (request: OpenRequest) => boolean): void {
    const leavers: Leaver[] = [];
    const visited = this.#open.visitSome((request) => {
      if (!request.isOpen || !hasToLeave(request)) return;
      if (request.isSent)
        leavers.push({
          request,
          key: request.keyText,
          reason,
          isWatch: request.isWatch,
          hasToLeave: () => hasToLeave(request),
        });
      else request.proceed();
    });
    void visited.then(() => this.#drainer.add(leavers));
  }

  /** Refuses what is in flight to a cluster, and cuts its connections, all in this turn: nothing more of it reaches a shard. */
  #cut(cluster: string, shard: string | undefined): void {
    for (const request of this.#open.requests())
      if (request.isSent && request.owner.cluster === cluster) request.refuse({ kind: 'no_lease', cluster, shard });
    this.#upstreams.cut(cluster);
  }

  // ---- another config --------------------------------------------------------------------------------------------------

  /**
   * Uses the clusters of another config from the next request on. Connections stay, and so do streams whose keys and
   * shards do.
   * @param rebuildRoutes has families route by it, in this turn: they find its owners
   */
  reconfigure(clusters: readonly RoutedCluster[], rebuildRoutes: () => void): void {
    const before = [...this.#owners.values()];
    const after = clusters.map((cluster) => this.#ownersBy(cluster));
    for (const owners of after) this.#owners.set(owners.name, owners);
    this.#upstreams.refreshSettings();
    rebuildRoutes();
    const names = new Set(clusters.map(({ name }) => name));
    for (const owners of before) {
      const { name } = owners;
      const now = this.#owners.get(name) as ClusterOwners;
      if (!names.has(name)) {
        if (!this.#departures.has(name)) this.#depart(name);
      } else if (now.build !== owners.build) this.#drainMoved(owners, now);
    }
    for (const name of names) this.#departures.comeBack(name);
  }

  /** A cluster's owners by another config: the same, where nothing of it has changed. */
  #ownersBy(cluster: RoutedCluster): ClusterOwners {
    const { name, upstream } = cluster;
    const before = this.#owners.get(name);
    if (before === undefined) return this.#upstreams.ownersOf(cluster, this.#gateOf(cluster));
    // The owners in a cluster of the registry are published; the config does not decide them.
    const table = before.gate === null ? cluster.table : before.shared;
    if (before.build === (table?.build ?? 0) && isDeepStrictEqual(before.upstream, upstream)) return before;
    return this.#upstreams.ownersOf({ ...cluster, table }, before.gate);
  }

  #depart(cluster: string): void {
    this.#departures.add(cluster);
    this.#upstreams.remove(cluster);
    this.#drainWhere(
      `the cluster ${cluster} no longer exists`,
      (request) => request.owner.cluster === cluster && this.#departures.has(cluster),
    );
  }

  /** Resolves once nothing is open to a cluster that the config has no more; false where it has it again. */
  gone(cluster: string): Promise<boolean> {
    if (!this.#owners.has(cluster)) return Promise.resolve(true);
    return this.#departures.gone(cluster);
  }

  /** Resolves once nothing is open to a cluster that has no topology any more; false where it has one again. */
  emptied(cluster: string): Promise<boolean> {
    if (this.#deleted.has(cluster)) return this.#deleted.gone(cluster);
    return Promise.resolve((this.#owners.get(cluster)?.build ?? 0) === 0);
  }

  #forget(cluster: string): void {
    this.#owners.delete(cluster);
    this.#upstreams.remove(cluster);
    this.#gates.get(cluster)?.stop();
    this.#gates.delete(cluster);
    this.#fences.delete(cluster);
    this.#cutFor.delete(cluster);
  }

  // ---- all of them -----------------------------------------------------------------------------------------------------

  /** Called every second or so. */
  sweep(nowMs: number): void {
    this.#upstreams.sweep(nowMs);
    const visitOpen = (visit: (cluster: string) => void): Promise<void> =>
      this.#open.visitSome(({ owner }) => visit(owner.cluster));
    void this.#departures.look(visitOpen, (cluster) => this.#forget(cluster));
    void this.#deleted.look(visitOpen);
  }

  /** Brings the counters that are states up to date. */
  refreshCounters(): void {
    const { counters } = this.#context;
    this.#upstreams.refreshCounters();
    counters.draining = this.#drainer.waiting;
    counters.holding = [...this.#gates.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Cuts all connections to shards. */
  stop(): void {
    this.#upstreams.destroy();
    this.#drainer.stop();
    for (const gate of this.#gates.values()) gate.stop();
  }
}

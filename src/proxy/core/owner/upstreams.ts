import { isDeepStrictEqual } from 'node:util';
import type { CoreContext } from '../context.ts';
import { MAX_LABELLED } from '../counters.ts';
import type { RequestGate } from '../gate/request-gate.ts';
import { ClusterOwners, type RoutedCluster } from './cluster-owners.ts';
import { ejectOutliers } from './owner-health.ts';
import type { PoolFactories, PoolFactory } from './pool.ts';
import type { ServerPlace } from './server-place.ts';
import { Upstream, type UpstreamDescription } from './upstream.ts';

/** The number of shards of a new version that are introduced in one turn: less than a millisecond. */
const INTRODUCED_A_TURN = 50;
/** A shard that no current version has is let go once nothing has been open to it for this long: a client may still be coming back. */
const LET_GO_AFTER_MS = 5000;

/** All shards that this thread reaches, of current versions and of past ones that still have streams. */
export class Upstreams {
  readonly #context: CoreContext;
  readonly #pools: PoolFactories;
  readonly #all = new Set<Upstream>();
  /** Those that are spoken to as their cluster has it now, by cluster, id and address. */
  readonly #current = new Map<string, Upstream>();
  readonly #clusters = new Map<string, ClusterOwners>();
  /** Those of past versions, and since when nothing has been open to them. */
  readonly #past = new Map<Upstream, number>();
  #outliersNextMs = new Map<string, number>();

  /** @param pools of all protocols that shards may speak */
  constructor(context: CoreContext, pools: PoolFactories) {
    this.#context = context;
    this.#pools = pools;
  }

  /**
   * The shards of a cluster from now on. The shards before stay for as long as they have streams.
   * @throws Error where no family speaks their protocol
   */
  ownersOf(cluster: RoutedCluster, gate: RequestGate | null): ClusterOwners {
    const before = this.#clusters.get(cluster.name);
    const { name, upstream: description } = cluster;
    const makePool = this.#pools[description.protocol];
    if (makePool === undefined) throw new Error(`no protocol ${description.protocol}, which cluster ${name} speaks`);
    if (before !== undefined && !isDeepStrictEqual(before.upstream, description)) this.#renew(name);
    const owners = new ClusterOwners(cluster, gate, (place) => this.#upstreamOf(name, place, description, makePool));
    this.#clusters.set(name, owners);
    for (const past of before?.reached ?? []) this.#past.set(past, Number.POSITIVE_INFINITY);
    this.#introduce(owners, description.activeHealth !== undefined, 0);
    return owners;
  }

  /** New requests get new connections, to the same shards too. */
  #renew(cluster: string): void {
    for (const [name, upstream] of this.#current) if (upstream.cluster === cluster) this.#current.delete(name);
  }

  /** A cluster that no route leads to any more. Its shards stay for as long as they have streams. */
  remove(cluster: string): void {
    for (const past of this.#clusters.get(cluster)?.reached ?? []) this.#past.set(past, Number.POSITIVE_INFINITY);
    this.#clusters.delete(cluster);
    this.#outliersNextMs.delete(cluster);
  }

  /** The router's own limits have changed, or what is logged. */
  refreshSettings(): void {
    for (const upstream of this.#all) upstream.refreshSettings();
  }

  /** The shards of a version that is not served yet: nothing is sent to them. */
  ownersToBe(cluster: RoutedCluster): ClusterOwners {
    return new ClusterOwners(cluster, null, () => {
      throw new Error('nothing may be sent by a staged version');
    });
  }

  /**
   * Has shards counted before a request is for them, so that monitors see them, and reached where their health is
   * checked: some at a time.
   */
  #introduce(owners: ClusterOwners, reaches: boolean, from: number): void {
    if (this.#clusters.get(owners.name) !== owners) return;
    // Beyond the shards that have counters of their own there is nothing to see.
    const last = reaches ? owners.size : Math.min(owners.size, MAX_LABELLED);
    const end = Math.min(last, from + INTRODUCED_A_TURN);
    for (let i = from; i < end; i++) {
      if (reaches) owners.reach(i);
      else this.#context.counters.shard(owners.name, owners.idOf(i));
    }
    if (end < last) setImmediate(() => this.#introduce(owners, reaches, end));
  }

  #upstreamOf(cluster: string, place: ServerPlace, description: UpstreamDescription, makePool: PoolFactory): Upstream {
    const name = placeName(cluster, place.id, place.address);
    let upstream = this.#current.get(name);
    if (upstream === undefined) {
      upstream = new Upstream(this.#context, cluster, place, description, makePool);
      this.#current.set(name, upstream);
      this.#all.add(upstream);
    }
    this.#past.delete(upstream);
    return upstream;
  }

  /** Brings the counters that are states up to date. */
  refreshCounters(): void {
    // A shard that has moved is reached at two addresses, and counted as one.
    for (const upstream of this.#all) upstream.counters.clearStates();
    for (const upstream of this.#all) upstream.addStates(!this.#past.has(upstream));
  }

  /** Cuts what is in flight to a cluster's shards, of this version or a past one. */
  cut(cluster: string): void {
    for (const upstream of this.#all) if (upstream.cluster === cluster) upstream.cut();
  }

  /** Cuts what is in flight to some of them, and to their replicas. */
  cutShards(cluster: string, ids: readonly string[]): void {
    for (const upstream of this.#all) if (upstream.cluster === cluster && ids.includes(upstream.shard)) upstream.cut();
  }

  /** Called every second or so. */
  sweep(nowMs: number): void {
    for (const upstream of this.#all) upstream.sweep(nowMs);
    for (const name of this.#clusters.keys()) this.#watchOutliers(name, nowMs);
    for (const [upstream, idleSinceMs] of this.#past) this.#letGo(upstream, idleSinceMs, nowMs);
  }

  #letGo(upstream: Upstream, idleSinceMs: number, nowMs: number): void {
    if (this.#clusters.get(upstream.cluster)?.reached.has(upstream) === true) this.#past.delete(upstream);
    else if (upstream.isBusy) this.#past.set(upstream, Number.POSITIVE_INFINITY);
    else if (idleSinceMs === Number.POSITIVE_INFINITY) this.#past.set(upstream, nowMs);
    else if (nowMs - idleSinceMs >= LET_GO_AFTER_MS) {
      upstream.counters.clearStates();
      upstream.destroy();
      this.#past.delete(upstream);
      this.#all.delete(upstream);
      const name = placeName(upstream.cluster, upstream.id, upstream.address);
      if (this.#current.get(name) === upstream) this.#current.delete(name);
    }
  }

  /** Ejects shards that succeed far less often than the others of their cluster. */
  #watchOutliers(name: string, nowMs: number): void {
    const cluster = this.#clusters.get(name);
    const passive = cluster?.upstream.passiveHealth;
    if (cluster === undefined || passive?.successRate === undefined) return;
    const nextMs = this.#outliersNextMs.get(name) ?? 0;
    if (nowMs < nextMs) return;
    this.#outliersNextMs.set(name, nowMs + passive.successRate.intervalMs);
    const healths = [...cluster.reached].flatMap(({ health }) => (health === null ? [] : [health]));
    ejectOutliers(healths, passive, nowMs);
  }

  destroy(): void {
    for (const upstream of this.#all) upstream.destroy();
  }
}

function placeName(cluster: string, id: string, address: string): string {
  return `${cluster}/${id}/${address}`;
}

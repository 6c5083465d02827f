import { isDeepStrictEqual } from 'node:util';
import {
  type ClusterControlEvent,
  type Control,
  type ControlEvent,
  type StartControl,
  startControlThread,
} from '../control/index.ts';
import type { RoutedCluster } from '../proxy/index.ts';
import { type Acknowledgement, type Handoff, KNOWS, type RouterValue } from '../registry/index.ts';
import type { Log } from '../runtime/log.ts';
import type { ThreadVitals } from '../runtime/thread-vitals.ts';
import {
  type ClusterDescription,
  ClusterTable,
  type SharedCluster,
  shareCluster,
  type TopologyName,
} from '../topology/index.ts';
import { acknowledgementOf, isAcknowledged, settledOrSlow } from './acknowledging.ts';
import { DiscoveredClusters } from './discovered-clusters.ts';
import { ListeningPlaces } from './listening-places.ts';
import { processName, thisProcess } from './process-name.ts';
import { Publication } from './publication.ts';
import { RegistryFaults } from './registry-faults.ts';
import {
  controlledCluster,
  type FromRegistry,
  isServed,
  type RegistryState,
  routedFromRegistry,
  servedOf,
  unknownCluster,
} from './registry-state.ts';
import type { PreparedClusters, RoutedConfig, RoutingThreads } from './routed-config.ts';

/** A router's clusters: those of its config, and those of the registry or of servers that are asked, which change. All go with the config. */
export class RoutedClusters {
  #config: RoutedConfig;
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #tables = new Map<string, SharedCluster | null>();
  readonly #fromRegistry = new Map<string, FromRegistry>();
  #threads: RoutingThreads | null = null;
  readonly #startControl: StartControl;
  #control: Control | null = null;
  readonly #discovered: DiscoveredClusters;
  readonly #faults: RegistryFaults;
  /** Of which nothing is known yet. */
  readonly #awaited = new Set<string>();
  #onAllReported: () => void = () => {};
  #onNews: Array<() => void> = [];
  /** Publishes which versions all threads of this router serve, and how far they are in handoffs. */
  readonly #publication = new Publication(() => this.#control?.serving(this.#value()));
  #places = new ListeningPlaces();
  #isStopping = false;

  /** @param startControl a thread of its own, where nothing else is given */
  constructor(config: RoutedConfig, log: Log, clock: () => number, startControl: StartControl = startControlThread) {
    this.#startControl = startControl;
    this.#config = config;
    this.#log = log;
    this.#clock = clock;
    this.#faults = new RegistryFaults(log, clock);
    this.#discovered = new DiscoveredClusters(log, (cluster, table) => this.#onDiscovered(cluster, table));
    for (const { name, source } of config.clusters) {
      this.#tables.set(name, source.kind === 'config' ? shareCluster(source.description, null) : null);
      if (source.kind === 'registry') this.#add(name, source.topology, true);
    }
  }

  #add(name: string, topology: TopologyName, isRouted: boolean): void {
    this.#fromRegistry.set(name, unknownCluster(topology, isRouted));
    this.#awaited.add(name);
  }

  /** For the beginning of routing. */
  routed(): RoutedCluster[] {
    return this.#routedBy(this.#config, this.#tables);
  }

  #routedBy({ clusters }: RoutedConfig, tables: ReadonlyMap<string, SharedCluster | null>): RoutedCluster[] {
    return clusters.map(({ name, upstream }) => ({
      name,
      upstream,
      table: tables.get(name) ?? null,
      servesUntil: this.#fromRegistry.get(name)?.servesUntil,
    }));
  }

  /** Whether this router is registered somewhere. */
  get followsRegistry(): boolean {
    return this.#control !== null;
  }

  /** Follows the registry, and servers, where there are any. Resolves once something is known of each cluster. */
  async follow(): Promise<void> {
    const following = this.#awaited.size > 0 ? this.#start([...this.#awaited], this.#config) : undefined;
    await Promise.all([following, this.#discovered.follow(this.#config.clusters)]);
  }

  /** The servers of a cluster have told its owners. */
  #onDiscovered(cluster: string, table: SharedCluster): void {
    this.#tables.set(cluster, table);
    void this.#threads?.publish(cluster, table, null);
  }

  /** Follows clusters, with those that are followed already. Resolves once something is known of each. */
  #start(names: readonly string[], { registry }: RoutedConfig): Promise<void> {
    const clusters = names.map((name) => controlledCluster(name, this.#of(name)));
    return new Promise<void>((resolve, reject) => {
      this.#onAllReported = resolve;
      if (this.#control !== null) {
        for (const cluster of clusters) this.#control.follow(cluster, this.#value());
        return;
      }
      const birth = {
        ...(registry as NonNullable<RoutedConfig['registry']>),
        router: processName(),
        value: this.#value(),
        clusters,
      };
      this.#control = this.#startControl(
        birth,
        (event) => this.#onEvent(event),
        (error) => {
          const served = this.#threads === null ? 0 : this.#fromRegistry.size - clusters.length;
          // Without it topologies would silently be out of date: the process ends, and its supervisor restarts it.
          if (this.#awaited.size === 0 || served > 0) throw error;
          this.#control = null;
          reject(error);
        },
      );
    });
  }

  /**
   * Builds tables for another config, in which clusters of one name have the same source, and follows what is new.
   * @throws Error where that cannot be done
   */
  async prepare(next: RoutedConfig): Promise<PreparedClusters> {
    const tables = new Map<string, SharedCluster>();
    const added: string[] = [];
    for (const { name, source } of next.clusters) {
      if (source.kind === 'config') tables.set(name, this.#tableOf(name, source.description));
      else if (source.kind === 'registry' && !this.#fromRegistry.has(name)) {
        this.#add(name, source.topology, false);
        added.push(name);
      }
    }
    let discovered: readonly string[] = [];
    const discard = (): void => {
      for (const name of added) this.#leave(name);
      for (const name of discovered) this.#discovered.leave(name);
    };
    try {
      discovered = await this.#discovered.follow(next.clusters);
      if (added.length > 0) await this.#start(added, next);
    } catch (cause) {
      discard();
      throw cause;
    }
    return {
      routed: this.#routedBy(next, new Map<string, SharedCluster | null>([...this.#tables, ...tables])),
      apply: () => this.#applyConfig(next, tables, added),
      discard,
    };
  }

  /** The same table where the cluster is the same. */
  #tableOf(name: string, description: ClusterDescription): SharedCluster {
    const known = this.#tables.get(name);
    const before = this.described(name);
    if (known != null && before !== null && isDeepStrictEqual(before, description)) return known;
    return shareCluster(description, null);
  }

  #applyConfig(next: RoutedConfig, tables: ReadonlyMap<string, SharedCluster>, added: readonly string[]): void {
    this.#config = next;
    const names = new Set(next.clusters.map(({ name }) => name));
    for (const [name, table] of tables) this.#tables.set(name, table);
    for (const name of this.#tables.keys())
      if (!names.has(name) && !this.#fromRegistry.has(name)) this.#tables.delete(name);
    for (const name of this.#fromRegistry.keys()) if (!names.has(name)) void this.#depart(name);
    for (const name of added) {
      this.#of(name).isRouted = true;
      void this.#carryOut(name);
    }
    // What was said while the threads were taking the config they do not know yet.
    this.#discovered.reportOnly(next.clusters);
    this.#publication.now();
  }

  /** A cluster that the config has no more is followed for as long as something is open to it. */
  async #depart(name: string): Promise<void> {
    if ((await this.#threads?.gone(name)) === true) this.#leave(name);
  }

  #leave(name: string): void {
    this.#fromRegistry.delete(name);
    this.#tables.delete(name);
    this.#faults.forget(name);
    this.#awaited.delete(name);
    if (this.#fromRegistry.size > 0) this.#control?.leave(name, this.#value());
    else {
      void this.#control?.stop();
      this.#control = null;
    }
  }

  /** From now on changes go to these threads. */
  async publishTo(threads: RoutingThreads): Promise<void> {
    this.#threads = threads;
    // What came while they were starting.
    for (const name of this.#fromRegistry.keys()) void this.#carryOut(name);
    this.#discovered.reportOnly(this.#config.clusters);
    await Promise.all([...this.#fromRegistry.keys()].map((name) => this.#servedOrKnownNotToBe(name)));
  }

  /** Resolves once a cluster may be served, or will not be for a while: there is no topology, or no registry. */
  async #servedOrKnownNotToBe(cluster: string): Promise<void> {
    const known = this.#of(cluster);
    while (!this.#faults.isLost && this.#tables.get(cluster) !== null && !isServed(known, this.#clock()))
      await new Promise<void>((resolve) => this.#onNews.push(resolve));
  }

  #onServes(cluster: string, serves: boolean): void {
    if (serves) this.#log.info({ cluster }, 'serving');
    // A router that stops in order gives its lease back.
    else if (!this.#isStopping)
      this.#log.error({ cluster }, 'the lease is lost: not serving, because ownership may have changed');
  }

  /** Of one that was left something may still be under way. */
  #knows(cluster: string): boolean {
    return this.#fromRegistry.has(cluster);
  }

  #of(cluster: string): FromRegistry {
    return this.#fromRegistry.get(cluster) as FromRegistry;
  }

  #onEvent(event: ControlEvent): void {
    if (event.kind === 'unreadable') this.#faults.onUnreadable(event.entries);
    else if (event.kind === 'denied') this.#log.error({ reason: event.reason }, 'the registry refuses this router');
    else this.#onClusterEvent(event);
  }

  #onClusterEvent(event: ClusterControlEvent): void {
    const { cluster } = event;
    if (!this.#knows(cluster)) return;
    switch (event.kind) {
      case 'routing':
        this.#onRouting(event);
        break;
      case 'outage':
        this.#faults.onOutage(cluster, event.reason, () => this.#versions());
        break;
      case 'recovered':
        this.#faults.onRecovered(cluster);
        break;
      case 'serves':
        this.#onServes(cluster, event.serves);
        break;
      case 'controls':
        this.#of(cluster).controls = event.leads;
        this.#log.info({ cluster }, event.leads ? 'driving handoffs' : 'another router drives handoffs');
        break;
      case 'step':
        this.#onStep(cluster, event.handoff);
        break;
      case 'failover':
        this.#of(cluster).failovers++;
        this.#log.warn({ cluster, shards: event.shards }, `shards are lost: ${event.done}`);
        break;
      default:
        this.#log.warn({ cluster }, event.message);
    }
    for (const resolve of this.#onNews.splice(0)) resolve();
    if (event.kind !== 'routing' && event.kind !== 'outage') return;
    this.#awaited.delete(cluster);
    if (this.#awaited.size === 0) this.#onAllReported();
  }

  #onRouting({ cluster, table, staged, from, id }: Extract<ClusterControlEvent, { kind: 'routing' }>): void {
    const known = this.#of(cluster);
    const before = this.#tables.get(cluster);
    if (table === null) this.#log.warn({ cluster }, 'the registry has no topology of the cluster');
    else if (table.build !== before?.build)
      this.#log.info({ cluster, version: table.version, from }, 'a topology has come');
    if (staged !== null) {
      const { to, step, attempt } = staged;
      this.#log.info({ cluster, version: table?.version, to, step, attempt }, 'a handoff is under way');
    } else if (known.staged !== null && table?.build === before?.build)
      this.#log.warn({ cluster, version: table?.version, to: known.staged.to }, 'a handoff was given up');
    this.#tables.set(cluster, table);
    known.from = from;
    known.staged = staged;
    known.lastEvent = id;
    void this.#carryOut(cluster);
  }

  #onStep(cluster: string, { from, to, step, attempt, reason }: Handoff): void {
    const { steps } = this.#of(cluster);
    steps[step] = (steps[step] ?? 0) + 1;
    this.#log.info({ cluster, from, to, step, attempt, reason }, 'the next step of a handoff');
  }

  /** Has all threads do what the control plane last reported of a cluster, and tells the others. */
  async #carryOut(cluster: string): Promise<void> {
    const threads = this.#threads;
    const known = this.#of(cluster);
    const { lastEvent, staged } = known;
    if (threads === null || lastEvent === 0 || !known.isRouted) return;
    const table = this.#tables.get(cluster) ?? null;
    await threads.publish(cluster, table, staged);
    this.#control?.carriedOut(cluster, lastEvent);
    if (table === null && !(await threads.emptied(cluster))) return;
    if (known.lastEvent === lastEvent) known.served = table?.version ?? 0;
    if (staged === null) {
      known.acknowledged = null;
      // What this router says of the next wave says this as well.
      if (table?.rest != null) this.#publication.soon();
      else this.#publication.now();
    }
    if (staged === null) return;
    const say = (said: Acknowledgement): void => {
      if (known.lastEvent !== lastEvent || isAcknowledged(staged, known.acknowledged)) return;
      known.acknowledged = said;
      this.#publication.now();
    };
    if (await settledOrSlow(threads, cluster, staged, known.acknowledged, say))
      say(await acknowledgementOf(threads, cluster, staged, known.acknowledged));
  }

  #versions(): Record<string, number | null> {
    return Object.fromEntries([...this.#tables].map(([name, table]) => [name, table?.version ?? null]));
  }

  #value(): RouterValue {
    const served = servedOf(this.#fromRegistry.values());
    return { ...served, ...this.#places.of(this.#config), process: thisProcess(), knows: KNOWS };
  }

  /** Registers the router where it listens. */
  listensAt(places: ListeningPlaces): void {
    this.#places = places;
    if (places.areChosen) this.#publication.now();
  }

  /** As it is routed by now. */
  tables(): Array<{ readonly name: string; readonly table: ClusterTable | null }> {
    return this.#config.clusters.map(({ name }) => {
      const table = this.#tables.get(name) ?? null;
      return { name, table: table === null ? null : new ClusterTable(table) };
    });
  }

  /** What the config has of a cluster; null where it comes from elsewhere. */
  described(cluster: string): ClusterDescription | null {
    const source = this.#config.clusters.find(({ name }) => name === cluster)?.source;
    return source?.kind === 'config' ? source.description : null;
  }

  /** Null where no cluster comes from a registry. */
  registryState(): RegistryState | null {
    if (this.#control === null) return null;
    const clusters = [...this.#fromRegistry].map(([name, each]) =>
      routedFromRegistry(name, each, this.#tables.get(name)?.version ?? null, this.#clock()),
    );
    return { ...this.#faults.state, clusters };
  }

  /** How the thread is that follows the registry; null where there is none. */
  async controlVitals(): Promise<ThreadVitals | null> {
    return (await this.#control?.vitals()) ?? null;
  }

  /** Why requests to some cluster cannot be routed, or null. */
  notReadyBecause(): string | null {
    const missing = this.tables().flatMap(({ name, table }) => (table === null ? [name] : []));
    if (missing.length > 0) return `there is no topology of ${missing.join(', ')}`;
    const unserved = this.#config.clusters.flatMap(({ name }) => {
      const cluster = this.#fromRegistry.get(name);
      return cluster === undefined || isServed(cluster, this.#clock()) ? [] : [name];
    });
    return unserved.length === 0 ? null : `this router has no lease, and may not serve ${unserved.join(', ')}`;
  }

  /** Leaves the registry, and asks no server any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#publication.stop();
    await Promise.all([this.#control?.stop(), this.#discovered.stop()]);
  }
}

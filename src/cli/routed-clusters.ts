import { hostname } from 'node:os';
import type { Config } from '../config/index.ts';
import { type ControlEvent, ControlThread } from '../control/index.ts';
import type { Log, RoutedCluster, RouterThreads } from '../router/index.ts';
import { type ClusterDescription, ClusterTable, type SharedCluster, shareCluster } from '../topology/index.ts';

/** What is known of a router's registry, for people. */
export interface RegistryState {
  /** Null while it is reached; else since when not, and why. */
  readonly outage: { readonly sinceMs: number; readonly reason: string } | null;
  readonly outages: number;
  /** Of each cluster that comes from it: the version that is served, and where it was read. */
  readonly clusters: ReadonlyArray<{ readonly name: string; readonly version: number | null; readonly from: string }>;
}

/** A router's clusters: those of its config, which stay as they are, and those of the registry, which change. */
export class RoutedClusters {
  readonly #config: Config;
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #tables = new Map<string, SharedCluster | null>();
  readonly #from = new Map<string, string>();
  #threads: RouterThreads | null = null;
  #control: ControlThread | null = null;
  /** The clusters whose watch has lost the registry. */
  readonly #lost = new Map<string, { readonly sinceMs: number; readonly reason: string }>();
  #outages = 0;
  readonly #awaited: Set<string>;
  #onAllTold: () => void = () => {};

  constructor(config: Config, log: Log, clock: () => number) {
    this.#config = config;
    this.#log = log;
    this.#clock = clock;
    for (const { name, source } of config.clusters)
      this.#tables.set(name, source.kind === 'config' ? shareCluster(source.description, null) : null);
    this.#awaited = new Set(config.clusters.flatMap(({ name, source }) => (source.kind === 'registry' ? [name] : [])));
  }

  /** For the beginning of routing. */
  routed(): RoutedCluster[] {
    return this.#config.clusters.map(({ name, upstream }) => ({
      name,
      upstream,
      table: this.#tables.get(name) ?? null,
    }));
  }

  /** Follows the registry, where there is one. Resolves once something is known of each cluster. */
  async follow(): Promise<void> {
    const { registry, clusters } = this.#config;
    if (registry === null || this.#awaited.size === 0) return;
    const birth = {
      ...registry,
      router: `${hostname()}-${process.pid}`,
      clusters: clusters.flatMap(({ name, source }) =>
        source.kind === 'registry' ? [{ name, topology: source.topology }] : [],
      ),
    };
    await new Promise<void>((resolve, reject) => {
      this.#onAllTold = resolve;
      this.#control = new ControlThread(
        birth,
        (event) => this.#onEvent(event),
        (error) => {
          // Without it topologies would silently be out of date: the process ends, and whoever runs it starts it again.
          if (this.#awaited.size === 0) throw error;
          reject(error);
        },
      );
    });
  }

  /** From now on changes go to these threads. */
  async publishTo(threads: RouterThreads): Promise<void> {
    this.#threads = threads;
    // What came while they were starting.
    for (const [name, table] of this.#tables) if (this.#from.has(name)) await threads.publish(name, table);
    this.#tellServed();
  }

  #onEvent(event: ControlEvent): void {
    const { cluster } = event;
    switch (event.kind) {
      case 'table':
        this.#log.info({ cluster, version: event.table.version, from: event.from }, 'a topology has come');
        this.#publish(cluster, event.table, event.from);
        break;
      case 'gone':
        this.#log.warn({ cluster }, 'the registry has no topology of the cluster');
        this.#publish(cluster, null, 'registry');
        break;
      case 'outage':
        this.#onOutage(cluster, event.reason);
        break;
      case 'recovered':
        this.#lost.delete(cluster);
        if (this.#lost.size === 0) this.#log.info('the registry is reached again');
        break;
      default:
        this.#log.warn({ cluster }, event.message);
    }
    if (event.kind === 'warning') return;
    this.#awaited.delete(cluster);
    if (this.#awaited.size === 0) this.#onAllTold();
  }

  #onOutage(cluster: string, reason: string): void {
    if (this.#lost.size === 0) {
      this.#outages++;
      const versions = Object.fromEntries([...this.#tables].map(([name, table]) => [name, table?.version ?? null]));
      this.#log.error({ reason, versions }, 'the registry cannot be reached; routing by the last topologies');
    }
    this.#lost.set(cluster, { sinceMs: this.#clock(), reason });
  }

  #publish(cluster: string, table: SharedCluster | null, from: string): void {
    this.#tables.set(cluster, table);
    this.#from.set(cluster, from);
    this.#threads?.publish(cluster, table).then(() => this.#tellServed());
  }

  /** Tells the others which versions all threads of this router serve. */
  #tellServed(): void {
    const versions = Object.fromEntries(
      this.#config.clusters.flatMap(({ name, source }) => {
        if (source.kind !== 'registry') return [];
        const { namespace, cluster } = source.topology;
        return [[`${namespace}/${cluster}`, this.#tables.get(name)?.version ?? 0]];
      }),
    );
    const { admin, listen } = this.#config;
    this.#control?.serving({ versions, admin, listen: listen.map(({ host, port }) => ({ host, port })) });
  }

  /** As it is routed by now. */
  tables(): Array<{ readonly name: string; readonly table: ClusterTable | null }> {
    return [...this.#tables].map(([name, table]) => ({ name, table: table === null ? null : new ClusterTable(table) }));
  }

  /** What the config has of a cluster; null where it comes from the registry. */
  described(cluster: string): ClusterDescription | null {
    const source = this.#config.clusters.find(({ name }) => name === cluster)?.source;
    return source?.kind === 'config' ? source.description : null;
  }

  /** Null where no cluster comes from a registry. */
  registryState(): RegistryState | null {
    if (this.#control === null) return null;
    const [outage = null] = [...this.#lost.values()].sort((a, b) => a.sinceMs - b.sinceMs);
    const clusters = [...this.#from].map(([name, from]) => ({
      name,
      from,
      version: this.#tables.get(name)?.version ?? null,
    }));
    return { outage, outages: this.#outages, clusters };
  }

  /** Why requests to some cluster cannot be routed, or null. */
  notReadyBecause(): string | null {
    const missing = [...this.#tables].flatMap(([name, table]) => (table === null ? [name] : []));
    return missing.length === 0 ? null : `there is no topology of ${missing.join(', ')}`;
  }

  async stop(): Promise<void> {
    await this.#control?.stop();
  }
}

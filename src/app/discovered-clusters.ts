import type { ConfiguredCluster } from '../config/index.ts';
import { DiscoveryThread } from '../discovery/index.ts';
import type { Log } from '../runtime/log.ts';
import type { SharedCluster } from '../topology/index.ts';

/** A router's clusters whose servers say themselves where the keys are: followed in a thread of their own. */
export class DiscoveredClusters {
  readonly #log: Log;
  readonly #onTable: (cluster: string, table: SharedCluster) => void;
  #thread: DiscoveryThread | null = null;
  /** Those that are followed: the owners, as far as they are known, and whoever waits for the first word of them. */
  readonly #followed = new Map<string, { table: SharedCluster | null; readonly isKnown: () => void }>();

  /** @param onTable called with the owners in a cluster, at first and when there are others */
  constructor(log: Log, onTable: (cluster: string, table: SharedCluster) => void) {
    this.#log = log;
    this.#onTable = onTable;
  }

  /** Follows those of some clusters that are not followed yet. Resolves with their names once something is known of each. */
  async follow(clusters: readonly ConfiguredCluster[]): Promise<readonly string[]> {
    const added = clusters.flatMap(({ name, source, upstream: { tls, login } }) =>
      source.kind === 'servers' && !this.#followed.has(name) ? [{ ...source, name, tls, login }] : [],
    );
    const known = added.map(({ name, seeds, refreshMs, tls, login }) => {
      const isKnown = new Promise<void>((resolve) => this.#followed.set(name, { table: null, isKnown: resolve }));
      this.#thread ??= this.#start();
      this.#thread.follow({ name, seeds, refreshMs, tls, login });
      return isKnown;
    });
    await Promise.all(known);
    return added.map(({ name }) => name);
  }

  #start(): DiscoveryThread {
    return new DiscoveryThread({
      found: (cluster, table) => {
        const followed = this.#followed.get(cluster);
        if (followed === undefined) return;
        this.#log.info({ cluster, shards: table.ends.length / 2 }, 'the servers of a cluster have told its slots');
        followed.table = table;
        this.#onTable(cluster, table);
        followed.isKnown();
      },
      fault: (cluster, message) => {
        const followed = this.#followed.get(cluster);
        if (followed === undefined) return;
        this.#log.warn({ cluster }, message);
        followed.isKnown();
      },
    });
  }

  /** Reports all owners that are known, of the clusters of a config; others are not followed any more. */
  reportOnly(clusters: readonly ConfiguredCluster[]): void {
    for (const [name, { table }] of this.#followed)
      if (!clusters.some((cluster) => cluster.name === name)) this.leave(name);
      else if (table !== null) this.#onTable(name, table);
  }

  leave(cluster: string): void {
    if (this.#followed.delete(cluster)) this.#thread?.leave(cluster);
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }
}

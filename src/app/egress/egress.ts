import type { ConfiguredCluster } from '../../config/index.ts';
import { ClientCertificates } from '../../io/index.ts';
import { type CountersSnapshot, type RouterSettings, type RouterThreads, routerThreads } from '../../proxy/index.ts';
import type { HostPort } from '../../runtime/address.ts';
import type { Log } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { ListeningPlaces } from '../listening-places.ts';
import { RoutedClusters } from '../routed-clusters.ts';
import type { RoutedConfig } from '../routed-config.ts';
import { LateHold, type WorksOnLeaving } from './late-hold.ts';

export interface EgressOptions {
  readonly listen: HostPort;
  readonly registry: NonNullable<RoutedConfig['registry']>;
  /** The one whose shards are called; it comes from the registry. */
  readonly cluster: ConfiguredCluster;
  readonly settings: Omit<RouterSettings, 'clusters'>;
  /** Whether the backend works on a call whose key leaves its shard by a table. */
  readonly worksOnLeaving: WorksOnLeaving;
  readonly log: Log;
}

/** It has no admin address: the process that it is in serves the metrics. */
const NOWHERE: HostPort = { host: '', port: 0 };

/**
 * A router within a sidecar's process: by it the backend calls the owners of other keys. It is registered as any router, and takes part in
 * handoffs as one.
 */
export class Egress {
  readonly #options: EgressOptions;
  readonly #config: RoutedConfig;
  readonly #clusters: RoutedClusters;
  #threads: RouterThreads | null = null;

  constructor(options: EgressOptions) {
    const { listen, registry, cluster, log } = options;
    this.#options = options;
    this.#config = { listen: [listen], admin: NOWHERE, clusters: [cluster], registry };
    this.#clusters = new RoutedClusters(this.#config, log, machine.clock);
  }

  /**
   * Listens, once the owners are known, or known to be unknown.
   * @returns the port. @throws Error where the address, or a certificate, cannot be had
   */
  async start(): Promise<number> {
    const { listen, settings, worksOnLeaving, cluster } = this.#options;
    const { tls } = cluster.upstream;
    if (tls !== undefined) new ClientCertificates(tls).options();
    await this.#clusters.follow();
    const clusters = this.#clusters.routed();
    const threads = routerThreads(1, {
      listen: [listen],
      settings: { ...settings, clusters },
      inherited: [],
      ...machine,
    });
    try {
      const ports = await threads.start();
      this.#threads = threads;
      // What is called before there is a lease waits in the gate.
      void this.#clusters.publishTo(new LateHold(threads, worksOnLeaving));
      this.#clusters.listensAt(new ListeningPlaces(this.#config, ports));
      return ports[0] as number;
    } catch (cause) {
      await this.#clusters.stop();
      throw cause;
    }
  }

  /** What it has counted so far. */
  async counters(): Promise<readonly CountersSnapshot[]> {
    return (await this.#threads?.counters()) ?? [];
  }

  /** Ends in order; see `Router.shutdown`. */
  async stop(graceMs: number): Promise<void> {
    await this.#threads?.shutdown(graceMs);
    await this.#clusters.stop();
  }
}

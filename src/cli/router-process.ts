import { AdminServer, type AdminSource } from '../admin/index.ts';
import type { Config } from '../config/index.ts';
import { type Log, newLog, type RouterThreads, routerThreads } from '../router/index.ts';
import { Cluster, explainKey } from '../topology/index.ts';
import { addressText } from './options.ts';
import { UsageError } from './usage-error.ts';

/** A router with its admin address, as `keyway router` and `keyway dev` run it. */
export class RouterProcess {
  readonly #config: Config;
  readonly #threads: RouterThreads;
  readonly #admin: AdminServer;
  readonly #log: Log;
  #notReady: string | null = 'starting';

  constructor(config: Config) {
    this.#config = config;
    this.#log = newLog(config.observe.logLevel);
    this.#threads = routerThreads(config.workers, {
      listen: config.listen,
      routing: config.routing,
      limits: config.limits,
      observe: config.observe,
      clock: () => performance.now(),
      random: Math.random,
      timeOfDay: () => new Date().toISOString(),
    });
    this.#admin = new AdminServer(this.#adminSource(), config.adminToken);
  }

  #adminSource(): AdminSource {
    const { clusters } = this.#config.routing;
    const built = new Map<string, Cluster>();
    const clusterOf = (name: string): Cluster => {
      const known = built.get(name);
      if (known !== undefined) return known;
      const made = new Cluster(clusters.find((each) => each.name === name) as (typeof clusters)[number]);
      built.set(name, made);
      return made;
    };
    return {
      counters: () => this.#threads.counters(),
      openStreams: (limit) => this.#threads.openStreams(limit),
      notReadyBecause: () => this.#notReady,
      topology: () => clusters,
      explain: (key, wanted) =>
        clusters
          .filter(({ name }) => wanted === null || name === wanted)
          .map(({ name }) => ({ cluster: name, ...explainKey(clusterOf(name), key) })),
      config: () => this.#config.shown,
    };
  }

  /** @returns the ports in the config's order, and the admin port. @throws UsageError where an address cannot be had */
  async start(): Promise<{ ports: readonly number[]; adminPort: number }> {
    try {
      const { host, port } = this.#config.admin;
      const adminPort = await this.#admin.listen(host, port);
      const ports = await this.#threads.start();
      this.#notReady = null;
      const listen = this.#config.listen.map((each, i) => addressText({ host: each.host, port: ports[i] as number }));
      this.#log.info({ listen, admin: addressText({ host, port: adminPort }) }, 'routing');
      return { ports, adminPort };
    } catch (cause) {
      // What has come up would keep the process alive.
      this.#admin.close();
      await this.#threads.shutdown(0);
      throw new UsageError(listenFault(cause), { cause });
    }
  }

  /** Stops in order; see `Router.shutdown`. */
  async stop(): Promise<void> {
    this.#notReady = 'shutting down';
    this.#log.info('shutting down');
    const cut = await this.#threads.shutdown(this.#config.drainMs);
    this.#log.info({ cut }, 'stopped');
    this.#admin.close();
  }
}

function listenFault(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.includes('EADDRINUSE') ? `${message}; choose another address or stop what uses it` : message;
}

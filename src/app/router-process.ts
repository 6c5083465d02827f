import { type AdminReloads, AdminServer, type AdminSource, type ProcessVitals } from '../admin/index.ts';
import { type Config, type ConfigChanges, configChanges } from '../config/index.ts';
import type { ListeningSockets } from '../io/index.ts';
import { type RoutedCluster, type RouterSettings, type RouterThreads, routerThreads } from '../proxy/index.ts';
import { addressText } from '../runtime/address.ts';
import { listenFault, plainText } from '../runtime/foreign-errors.ts';
import { type Log, newLog } from '../runtime/log.ts';
import { machine } from '../runtime/machine-clock.ts';
import { UsageError } from '../runtime/usage-error.ts';
import { explainKey } from '../topology/index.ts';
import { ListeningPlaces } from './listening-places.ts';
import { clientConnectionsIn, openFileLimit } from './open-files.ts';
import { processVitals } from './process-vitals.ts';
import type { HandOver } from './replace/hand-over.ts';
import { RoutedClusters } from './routed-clusters.ts';

/** How often a router that stops reports what it still waits for. */
const DRAIN_REPORT_MS = 1000;
const MAX_STREAMS_COUNTED = 10_000;

/** What people call the settings of addresses: fields of a file, or options. */
export interface SettingNames {
  readonly listenAt: string;
  readonly adminAt: string;
}

/** What its admin address is called among the sockets that are handed over. */
export const ADMIN = 'admin';

/** A router with its admin address, as `keyway router` and `keyway dev` run it. */
export class RouterProcess {
  #config: Config;
  readonly #settings: SettingNames;
  readonly #clusters: RoutedClusters;
  readonly #admin: AdminServer;
  readonly log: Log;
  readonly #processVitals = processVitals();
  #threads: RouterThreads | null = null;
  /** Clients for which there was no room: reported once. */
  #wantedConnections = 0;
  #notReady: string | null = 'starting';
  readonly #inherited: readonly ListeningSockets[];
  #reloads: AdminReloads | null = null;
  #handOver: Pick<HandOver, 'give'> | null = null;

  /**
   * @param settings what to change where an address cannot be had
   * @param inherited what another router has handed over
   */
  constructor(
    config: Config,
    settings: SettingNames = { listenAt: 'listen', adminAt: 'admin' },
    inherited: readonly ListeningSockets[] = [],
  ) {
    this.#inherited = inherited;
    this.#config = config;
    this.#settings = settings;
    this.log = newLog(config.observe.logLevel);
    this.#clusters = new RoutedClusters(config, this.log, machine.clock);
    this.#admin = new AdminServer(this.#adminSource(), config.adminToken, config.adminHosts);
  }

  #adminSource(): AdminSource {
    return {
      counters: async () => (await this.#threads?.counters()) ?? [],
      vitals: () => this.#vitals(),
      openStreams: async (limit) => (await this.#threads?.openStreams(limit)) ?? [],
      redis: async (question, seconds) => (await this.#threads?.inspect('redis', question, seconds)) ?? [],
      notReadyBecause: () => this.#notReady ?? this.#clusters.notReadyBecause(),
      registry: () => {
        const state = this.#clusters.registryState();
        if (state === null) return null;
        const { outage, ...rest } = state;
        return { ...rest, outage: outage && { reason: outage.reason, forMs: machine.clock() - outage.sinceMs } };
      },
      topology: () =>
        this.#clusters.tables().map(({ name, table }) => ({
          name,
          version: table?.version ?? null,
          shards: table?.shards() ?? [],
          ...this.#clusters.described(name),
        })),
      fingerprints: async (cluster, keys) => (await this.#threads?.fingerprints(cluster, keys)) ?? [],
      explain: (key, wanted) =>
        this.#clusters
          .tables()
          .flatMap(({ name, table }) =>
            table === null || (wanted !== null && name !== wanted)
              ? []
              : [{ cluster: name, ...explainKey(table, key) }],
          ),
      config: () => this.#config.shown,
      reloads: () => this.#reloads,
      handOver: (path, workers) => this.#giveTo(path, workers),
    };
  }

  async #vitals(): Promise<ProcessVitals> {
    const [threads, control] = await Promise.all([this.#threads?.vitals() ?? [], this.#clusters.controlVitals()]);
    return this.#processVitals(control === null ? threads : [...threads, { name: 'control', vitals: control }]);
  }

  /** The config that it uses now. */
  get config(): Config {
    return this.#config;
  }

  /** Has the admin address report reloads, and ask for them. */
  set reloads(reloads: AdminReloads) {
    this.#reloads = reloads;
  }

  /** Has the admin address hand the router's sockets over. */
  set handOver(handOver: Pick<HandOver, 'give'>) {
    this.#handOver = handOver;
  }

  async #giveTo(path: string, workers: number): Promise<void> {
    if (this.#notReady !== null) throw new Error(`the router is ${this.#notReady}`);
    if (this.#handOver === null) throw new Error('this router is not one to be replaced');
    await this.#handOver.give(path, workers);
  }

  /** The sockets that are listened on, of all threads and of the admin address. */
  async sockets(): Promise<readonly ListeningSockets[]> {
    return [...((await this.#threads?.sockets()) ?? []), { name: ADMIN, sockets: [this.#admin.socket] }];
  }

  /** @returns the ports in the config's order, and the admin port. @throws UsageError where an address cannot be had */
  async start(): Promise<{ ports: readonly number[]; adminPort: number }> {
    try {
      const { host, port } = this.#config.admin;
      const inherited = this.#inherited.find(({ name }) => name === ADMIN)?.sockets[0];
      // The router that this one replaces answers there until this one can.
      let adminPort = inherited === undefined ? await this.#admin.listen(host, port) : 0;
      const ports = await this.#startThreads();
      this.#notReady = null;
      if (inherited !== undefined) adminPort = await this.#admin.listen(host, port, inherited);
      this.#clusters.listensAt(new ListeningPlaces(this.#config, ports, adminPort));
      const listen = this.#config.listen.map((each, i) => addressText({ host: each.host, port: ports[i] as number }));
      this.log.info({ listen, admin: addressText({ host, port: adminPort }) }, 'routing');
      return { ports, adminPort };
    } catch (cause) {
      // What has come up would keep the process alive.
      this.#admin.close();
      await this.#threads?.shutdown(0);
      await this.#clusters.stop();
      throw new UsageError(startFault(cause, this.#config, this.#settings), { cause });
    }
  }

  /** Clients are let in once the owners are known, or known to be unknown. */
  async #startThreads(): Promise<readonly number[]> {
    await this.#clusters.follow();
    const { workers, listen } = this.#config;
    this.#threads = routerThreads(workers, {
      listen,
      settings: this.#settingsBy(this.#config, this.#clusters.routed()),
      inherited: this.#inherited.filter(({ name }) => name !== ADMIN),
      ...machine,
    });
    const ports = await this.#threads.start();
    await this.#clusters.publishTo(this.#threads);
    return ports;
  }

  #settingsBy(config: Config, clusters: readonly RoutedCluster[]): RouterSettings {
    const { workers, routes, edge, limits, drain, hold, observe, redis } = config;
    const maxConnections = this.#clientConnections(workers * limits.maxDownstreamConnections);
    const { logLevel } = observe;
    const families = { http: { routes, edge, limits, observe }, redis: { entries: redis } };
    return { clusters, limits, drain, hold, logLevel, maxConnections, families };
  }

  /**
   * Switches to another config, as far as that is possible while it runs: no connection is lost, and each request uses
   * the old one or the new one. One call at a time.
   * @throws Error where an address or a file cannot be had, or it does not run: then nothing has changed
   */
  async reload(next: Config): Promise<ConfigChanges> {
    if (this.#threads === null || this.#notReady !== null) throw new Error(`the router is ${this.#notReady}`);
    const changes = configChanges(this.#config, next, this.#clusters.followsRegistry);
    const { config } = changes;
    const clusters = await this.#clusters.prepare(config);
    try {
      await this.#threads.reload(this.#settingsBy(config, clusters.routed), config.listen);
    } catch (cause) {
      clusters.discard();
      throw new Error(faultIn(config, plainText(cause)), { cause });
    }
    this.#config = config;
    this.log.level = config.observe.logLevel;
    this.#admin.setAccess(config.adminToken, config.adminHosts);
    clusters.apply();
    return changes;
  }

  /** How many clients may be connected: as many as the config says, if the process may have as many descriptors. */
  #clientConnections(wanted: number): number {
    const openFiles = openFileLimit();
    const room = clientConnectionsIn(openFiles);
    if (room >= wanted) return wanted;
    if (wanted === this.#wantedConnections) return room;
    this.#wantedConnections = wanted;
    this.log.warn(
      { openFiles, wanted, clientConnections: room },
      'the limit on open files leaves room for fewer clients',
    );
    return room;
  }

  /**
   * Another router serves its addresses, the admin address too: this one stops in order, and answers no request there.
   */
  retire(): Promise<void> {
    this.#admin.close();
    return this.stop();
  }

  /** Stops in order; see `Router.shutdown`. */
  async stop(): Promise<void> {
    this.#notReady = 'shutting down';
    const endsMs = machine.clock() + this.#config.drainMs;
    this.log.info({ drainSeconds: this.#config.drainMs / 1000 }, 'shutting down');
    await this.#reportDrain(endsMs);
    const reporting = setInterval(() => void this.#reportDrain(endsMs), DRAIN_REPORT_MS);
    const cut = await this.#threads?.shutdown(this.#config.drainMs);
    clearInterval(reporting);
    await this.#clusters.stop();
    this.log.info({ cut }, 'stopped');
    this.#admin.close();
  }

  /** Shows the operator who stops a router what it still waits for, and for how long. */
  async #reportDrain(endsMs: number): Promise<void> {
    const streams = (await this.#threads?.openStreams(MAX_STREAMS_COUNTED)) ?? [];
    if (streams.length === 0) return;
    const waitsFor = Object.fromEntries(
      Map.groupBy(streams, ({ route, shard }) => `${route} at ${shard}`)
        .entries()
        .map(([where, all]) => [where, all.length]),
    );
    const secondsLeft = Math.max(0, Math.round((endsMs - machine.clock()) / 1000));
    this.log.warn({ openStreams: streams.length, waitsFor, secondsLeft }, 'waiting for open streams to end');
  }
}

/** With the place in the config, where an address is named. */
function faultIn({ listen }: Config, fault: string): string {
  const at = listen.findIndex((each) => fault.startsWith(`${addressText(each)} `));
  return at < 0 ? fault : `listen.${at}.address: ${fault}`;
}

/** Why it does not come up, and which setting to change where that is for its address. */
function startFault(cause: unknown, { admin }: Config, { listenAt, adminAt }: SettingNames): string {
  const text = plainText(cause);
  const isOfAdmin = text.startsWith(`${addressText(admin)} `) || text.includes(` host ${admin.host},`);
  return listenFault(cause, isOfAdmin ? adminAt : listenAt);
}

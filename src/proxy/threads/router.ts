import { isDeepStrictEqual } from 'node:util';
import { defaultLimits, floodCauses, type HttpLimits, httpContext } from '../../http/index.ts';
import {
  type Accepted,
  type ByteReceiver,
  ConnectionPlaces,
  type ListenerOwner,
  Listeners,
  type ListeningSockets,
  type NamedListener,
  type PreparedListeners,
  type ProcessConnections,
} from '../../io/index.ts';
import { newLog } from '../../runtime/log.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import { RouterCounters } from '../core/counters.ts';
import { DeadlineWheel } from '../core/deadlines.ts';
import { Departures } from '../core/departures.ts';
import { type DrainDescription, defaultDrain } from '../core/drain/drain.ts';
import { Drainer, type Leaver } from '../core/drain/drainer.ts';
import { Gate } from '../core/gate/gate.ts';
import { defaultHold, type HoldDescription } from '../core/gate/hold.ts';
import type { ClusterOwners, RoutedCluster, TableFingerprint } from '../core/owner/cluster-owners.ts';
import { Upstreams } from '../core/owner/upstreams.ts';
import { type DownstreamOwner, DownstreamSession } from '../http/downstream.ts';
import type { Exchange } from '../http/exchange.ts';
import { refusalReasons } from '../http/local-reply.ts';
import { AccessLog } from '../http/observe/access-log.ts';
import { type ObserveDescription, quiet } from '../http/observe/observe.ts';
import type { OpenStream } from '../http/observe/request-facts.ts';
import type { Tracing } from '../http/observe/tracing.ts';
import { httpPools } from '../http/pools/protocols.ts';
import { ReplayArena } from '../http/replay/replay-arena.ts';
import { defaultRouterLimits, type RouterContext, type RouterLimits } from '../http/router-context.ts';
import { type RoutingDescription, RoutingSnapshot } from '../http/routing.ts';
import { Sessions } from './sessions.ts';
import type { PreparedSettings, RouterSettings } from './settings.ts';

/** How often stalled connections are looked for. */
const SWEEP_MS = 1000;

export interface RouterOptions {
  readonly routing: RoutingDescription;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly http2Limits?: Partial<HttpLimits>;
  readonly limits?: Partial<RouterLimits>;
  readonly drain?: DrainDescription | undefined;
  readonly hold?: HoldDescription | undefined;
  readonly observe?: ObserveDescription;
  /** Client connections of the process, which its threads share. */
  readonly connections?: ProcessConnections | null;
  readonly tracing?: Tracing | null;
  /** The time of day, as log lines have it. */
  readonly timeOfDay?: () => string;
}

/** Others take it as it is at the moment. */
type Changeable<Settings> = { -readonly [Name in keyof Settings]: Settings[Name] };

/** One thread's router: listeners, clients' sessions, owners, and the snapshot that joins them. */
export class Router implements DownstreamOwner, ListenerOwner {
  readonly context: Changeable<RouterContext>;
  snapshot: RoutingSnapshot;
  readonly places: ConnectionPlaces;
  readonly #upstreams: Upstreams;
  readonly #drainer: Drainer;
  readonly #gates = new Map<string, Gate>();
  readonly #sessions = new Sessions();
  readonly #listeners: Listeners;
  readonly #departures = new Departures();
  /** Those whose topology was deleted. */
  readonly #deleted = new Departures();
  readonly #timeOfDay: () => string;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: RouterOptions) {
    const { observe = quiet, timeOfDay = () => '' } = options;
    this.#timeOfDay = timeOfDay;
    const http = httpContext(options.clock, { ...defaultLimits, ...options.http2Limits });
    this.context = {
      http,
      turn: http.turn,
      counters: new RouterCounters({ refusals: refusalReasons, floods: floodCauses }),
      deadlines: new DeadlineWheel(options.clock),
      arena: new ReplayArena(),
      limits: { ...defaultRouterLimits, ...options.limits },
      drain: options.drain ?? defaultDrain,
      hold: options.hold ?? defaultHold,
      onShardLeaving: (connection, shard) =>
        this.#drainWhere(`shard ${shard} goes away`, (exchange) => exchange.isOn(connection)),
      random: options.random,
      log: newLog(observe.logLevel),
      accessLog: null,
      tracing: options.tracing ?? null,
    };
    this.context.accessLog = this.#newAccessLog(observe);
    this.#listeners = new Listeners(this, this.context.log);
    this.places = new ConnectionPlaces(this.context.limits.maxDownstreamConnections, options.connections ?? null);
    this.#upstreams = new Upstreams(this.context, httpPools(this.context));
    this.#drainer = new Drainer(this.context);
    this.snapshot = RoutingSnapshot.of(options.routing, this.context.counters, (cluster) =>
      this.#upstreams.ownersOf(cluster, this.#gateOf(cluster)),
    );
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  #newAccessLog({ accessLog }: ObserveDescription): AccessLog | null {
    return accessLog === undefined ? null : new AccessLog(accessLog, this.context.random, this.#timeOfDay);
  }

  #gateOf({ name, servesUntil }: RoutedCluster): Gate | null {
    if (servesUntil === undefined) return null;
    const gate = new Gate(this.context, name, servesUntil, {
      owners: () => this.snapshot.ownersIn(name) as ClusterOwners,
      visitOpen: (visit) =>
        this.#sessions.visitSome((exchange) => {
          if (exchange.owner.cluster === name) visit(exchange);
        }),
      drain: (leavers, sinceMs) => this.#drainer.add(leavers, sinceMs),
      cut: () => this.#cut(name),
    });
    this.#gates.set(name, gate);
    return gate;
  }

  /**
   * Routes by a table of a cluster from now on, with what is staged beside it. Requests in flight keep the owner that they
   * have; those that stay open and whose keys have moved leave, and come back to the new owner. Others are not touched.
   */
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): void {
    // The config has it no more.
    const owners = this.snapshot.ownersIn(cluster);
    if (owners === undefined) return;
    // What was sent by the lease is cut before anybody else's version is served.
    this.#gates.get(cluster)?.lookAtLease();
    if ((table?.build ?? 0) !== owners.build) this.#changeOver(owners, table);
    const { upstream } = owners;
    const next = staged === null ? null : this.#upstreams.ownersToBe({ name: cluster, upstream, table: staged.table });
    this.#gates.get(cluster)?.changed(staged, next);
  }

  /** Resolves once a step of a handoff is done by this thread; false where it is not the one that is under way. */
  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#gates.get(cluster)?.settled(attempt, step) ?? Promise.resolve(false);
  }

  #changeOver(before: ClusterOwners, table: SharedCluster | null): void {
    const { name, upstream, gate } = before;
    const owners = this.#upstreams.ownersOf({ name, upstream, table }, gate);
    this.snapshot = this.snapshot.withOwners(owners);
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
      (exchange) =>
        exchange.owner.cluster === name &&
        this.snapshot.ownersIn(name) === owners &&
        // What waits there goes to its new owner by itself.
        owners.gate?.holds(exchange) !== true &&
        exchange.hasMovedIn(owners),
    );
  }

  /** Has streams leave; what is not sent yet looks for its owner anew. They are looked at some at a time, so that requests have their turn in between. */
  #drainWhere(reason: string, hasToLeave: (exchange: Exchange) => boolean): void {
    const leavers: Leaver[] = [];
    const visited = this.#sessions.visitSome((exchange) => {
      if (!exchange.isOpen || !hasToLeave(exchange)) return;
      if (exchange.isSent)
        leavers.push({ request: exchange, reason, isWatch: exchange.isWatch, hasToLeave: () => hasToLeave(exchange) });
      else exchange.proceed();
    });
    void visited.then(() => this.#drainer.add(leavers));
  }

  /** Refuses what is in flight to a cluster, and cuts its connections, all in this turn: nothing more of it reaches a shard. */
  #cut(cluster: string): void {
    for (const exchange of this.#sessions.exchanges())
      if (exchange.isSent && exchange.owner.cluster === cluster) exchange.refuse({ kind: 'no_lease', cluster });
    this.#upstreams.cut(cluster);
  }

  /** See `ClusterOwners.fingerprint`. */
  fingerprint(cluster: string, keys: number): Promise<TableFingerprint | null> {
    return this.snapshot.ownersIn(cluster)?.fingerprint(keys) ?? Promise.resolve(null);
  }

  /** The counters, those that are states brought up to date. */
  get counters(): RouterCounters {
    const { counters } = this.context;
    counters.downstreamConnections = this.#sessions.size;
    counters.downstreamStreams = this.#sessions.openStreams;
    this.#upstreams.refreshCounters();
    counters.draining = this.#drainer.waiting;
    counters.holding = [...this.#gates.values()].reduce((sum, { waiting }) => sum + waiting, 0);
    return counters;
  }

  /** Streams that are open, at most `limit` of them. */
  openStreams(limit: number): OpenStream[] {
    this.context.turn.begin();
    return this.#sessions.describe(limit);
  }

  /** Listens; answers the ports. `reusePort` lets several threads share them, the kernel spreading connections over them. */
  async listen(listen: readonly NamedListener[], reusePort: boolean): Promise<readonly number[]> {
    const { requestHeadTimeoutMs } = this.context.http.limits;
    const listeners = await this.#listeners.prepare(listen, requestHeadTimeoutMs, reusePort);
    listeners.apply();
    return listeners.ports;
  }

  /** The sockets that this thread listens on. They stay its own, until it stops. */
  sockets(): ListeningSockets[] {
    return this.#listeners.sockets();
  }

  /**
   * Makes ready for other settings: listens on what is new, and opens what has to be opened. The router goes by them once
   * `apply` is called, from the next request on.
   * @throws Error where an address or a file cannot be had: then nothing has changed
   */
  async prepare(
    settings: RouterSettings,
    listen: readonly NamedListener[],
    reusePort: boolean,
  ): Promise<PreparedSettings> {
    const accessLog = this.#newAccessLog(settings.observe);
    try {
      const { requestHeadTimeoutMs } = settings.limits;
      const listeners = await this.#listeners.prepare(listen, requestHeadTimeoutMs, reusePort);
      const apply = (): void => this.#goBy(settings, accessLog, listeners);
      const discard = (): void => {
        listeners.discard();
        accessLog?.close();
      };
      return { ports: listeners.ports, apply, discard };
    } catch (cause) {
      accessLog?.close();
      throw cause;
    }
  }

  #goBy(
    { routing, limits, ...settings }: RouterSettings,
    accessLog: AccessLog | null,
    listeners: PreparedListeners,
  ): void {
    const { context } = this;
    const { http, log } = context;
    context.accessLog?.close();
    // Connections that are open keep to what they have announced to their clients.
    Object.assign(context, {
      limits,
      drain: settings.drain,
      hold: settings.hold,
      accessLog,
      http: { ...http, limits },
    });
    http.buffers.setLimits(limits);
    log.level = settings.observe.logLevel;
    this.places.setLimits(limits.maxDownstreamConnections, settings.maxConnections);
    this.#upstreams.goByContext();
    this.#routeBy(routing);
    listeners.apply();
  }

  /** The next request is routed by another config, wholly. Connections stay, and so do streams whose keys and shards do. */
  #routeBy(routing: RoutingDescription): void {
    const before = this.snapshot;
    const next = before.by(routing, this.context.counters, (cluster) => this.#ownersBy(cluster));
    this.snapshot = next;
    const names = new Set(routing.clusters.map(({ name }) => name));
    for (const owners of before.allOwners()) {
      const { name } = owners;
      const now = next.ownersIn(name) as ClusterOwners;
      if (!names.has(name)) {
        if (!this.#departures.has(name)) this.#depart(name);
      } else if (now.build !== owners.build) this.#drainMoved(owners, now);
    }
    for (const name of names) this.#departures.comeBack(name);
  }

  /** A cluster's owners by another config: the same, where nothing of it has changed. */
  #ownersBy(cluster: RoutedCluster): ClusterOwners {
    const { name, upstream } = cluster;
    const before = this.snapshot.ownersIn(name);
    if (before === undefined) return this.#upstreams.ownersOf(cluster, this.#gateOf(cluster));
    // Who owns what in a cluster of the registry is published, and not for the config to say.
    const table = before.gate === null ? cluster.table : before.shared;
    if (before.build === (table?.build ?? 0) && isDeepStrictEqual(before.upstream, upstream)) return before;
    return this.#upstreams.ownersOf({ ...cluster, table }, before.gate);
  }

  #depart(cluster: string): void {
    this.#departures.add(cluster);
    this.#upstreams.remove(cluster);
    this.#drainWhere(
      `there is no cluster ${cluster} any more`,
      (exchange) => exchange.owner.cluster === cluster && this.#departures.has(cluster),
    );
  }

  /** Resolves once nothing is open to a cluster that the config has no more; false where it has it again. */
  gone(cluster: string): Promise<boolean> {
    if (this.snapshot.ownersIn(cluster) === undefined) return Promise.resolve(true);
    return this.#departures.gone(cluster);
  }

  /** Resolves once nothing is open to a cluster that has no topology any more; false where it has one again. */
  emptied(cluster: string): Promise<boolean> {
    if (this.#deleted.has(cluster)) return this.#deleted.gone(cluster);
    return Promise.resolve((this.snapshot.ownersIn(cluster)?.build ?? 0) === 0);
  }

  #forget(cluster: string): void {
    this.snapshot = this.snapshot.without(cluster);
    this.#upstreams.remove(cluster);
    this.#gates.get(cluster)?.stop();
    this.#gates.delete(cluster);
  }

  onNoPlace(): void {
    this.context.counters.downstreamRefused++;
  }

  onAccepted(accepted: Accepted): ByteReceiver {
    this.context.counters.downstreamAccepted++;
    const session = new DownstreamSession(this, accepted);
    this.#sessions.add(session);
    return (bytes, start, end) => session.connection.receive(bytes, start, end);
  }

  onHandshakeFailed(): void {
    this.context.counters.handshakesFailed++;
  }

  onSessionClosed(session: DownstreamSession): void {
    this.#sessions.remove(session);
  }

  #sweep(): void {
    const now = this.context.turn.begin();
    for (const session of this.#sessions) session.sweep(now);
    this.#upstreams.sweep(now);
    this.#listeners.refreshCertificates();
    const visitOpen = (visit: (cluster: string) => void): Promise<void> =>
      this.#sessions.visitSome(({ owner }) => visit(owner.cluster));
    void this.#departures.look(visitOpen, (cluster) => this.#forget(cluster));
    void this.#deleted.look(visitOpen);
  }

  /**
   * Stops in order: no new connections, a GOAWAY in two steps on each that is open, up to `graceMs` for the streams in
   * flight. @returns the number of connections that had to be cut
   */
  async shutdown(graceMs: number): Promise<number> {
    this.#listeners.close();
    for (const session of this.#sessions) session.connection.shutdown('shutting down');
    await this.#sessions.empty(graceMs);
    const cut = this.#sessions.size;
    for (const session of this.#sessions) session.connection.destroy();
    this.#upstreams.destroy();
    clearInterval(this.#sweeper);
    this.#drainer.stop();
    for (const gate of this.#gates.values()) gate.stop();
    this.context.deadlines.stop();
    this.context.accessLog?.close();
    await this.context.tracing?.stop().catch(() => {});
    return cut;
  }
}

import {
  type Accepted,
  BufferPool,
  type ByteReceiver,
  ConnectionPlaces,
  type ListenerOwner,
  Listeners,
  type ListeningSockets,
  type NamedListener,
  type PreparedListeners,
  type ProcessConnections,
  Turn,
} from '../../io/index.ts';
import { newLog } from '../../runtime/log.ts';
import type { PositionRange, SharedCluster, StagedCluster } from '../../topology/index.ts';
import { Clusters } from '../core/clusters.ts';
import type { CoreContext } from '../core/context.ts';
import { RouterCounters } from '../core/counters.ts';
import { DeadlineWheel } from '../core/deadlines.ts';
import type { Family, FamilyHost, Prepared } from '../core/family.ts';
import { FrontDoors } from '../core/front-door.ts';
import type { OpenStream } from '../core/open-request.ts';
import type { ClusterOwners, TableFingerprint } from '../core/owner/cluster-owners.ts';
import type { Session } from '../core/session.ts';
import { UndecidedSession } from '../core/undecided-session.ts';
import { families as allFamilies } from './families.ts';
import { LoadedFamilies, type RunningFamilies } from './running-families.ts';
import { Sessions } from './sessions.ts';
import type { PreparedSettings, RouterSettings } from './settings.ts';

/** How often stalled connections are looked for. */
const SWEEP_MS = 1000;

/** What a thread's router begins with. */
export interface RouterOptions extends RouterSettings<object> {
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly random: () => number;
  /** The time of day, as log lines have it. */
  readonly timeOfDay: () => string;
  /** Client connections of the process, which its threads share. */
  readonly connections: ProcessConnections | null;
}

/** Others take it as it is at the moment. */
type Changeable<Settings> = { -readonly [Name in keyof Settings]: Settings[Name] };

/** One thread's router: listeners, doors, clients' sessions, and the clusters that their requests go to. */
export class Router implements FamilyHost, ListenerOwner {
  readonly context: Changeable<CoreContext>;
  readonly timeOfDay: () => string;
  readonly places: ConnectionPlaces;
  readonly alpn: readonly string[];
  readonly #families: RunningFamilies;
  readonly #doors: FrontDoors;
  readonly #sessions = new Sessions();
  readonly #clusters: Clusters;
  readonly #listeners: Listeners;
  readonly #sweeper: NodeJS.Timeout;

  /** @throws Error where a file that settings name cannot be had, or two families bring the same; see `LoadedFamilies` */
  static async start(options: RouterOptions, families: readonly Family[] = allFamilies): Promise<Router> {
    return new Router(options, await LoadedFamilies.load(families, options.families, options.random));
  }

  private constructor(options: RouterOptions, loaded: LoadedFamilies) {
    const { clock, random, limits, drain, hold, logLevel } = options;
    this.timeOfDay = options.timeOfDay;
    this.context = {
      turn: new Turn(clock),
      buffers: new BufferPool(limits),
      counters: new RouterCounters(loaded.counted),
      deadlines: new DeadlineWheel(clock),
      limits,
      drain,
      hold,
      onShardLeaving: (connection, shard) => this.#clusters.drainConnection(connection, shard),
      random,
      log: newLog(logLevel),
    };
    this.#families = loaded.start(this);
    this.#doors = new FrontDoors(this.#families.doors);
    this.alpn = this.#doors.alpn;
    this.#clusters = new Clusters(this.context, this.#families.pools, this.#sessions, (owners) =>
      this.#families.onOwners(owners),
    );
    this.#listeners = new Listeners(this, this.context.log);
    this.places = new ConnectionPlaces(limits.maxDownstreamConnections, options.connections);
    this.#applySettings(options, this.#families.prepare(options.families));
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  // ---- owners ------------------------------------------------------------------------------------------------------

  ownersIn(cluster: string): ClusterOwners | undefined {
    return this.#clusters.ownersIn(cluster);
  }

  /** See `Clusters.publish`. */
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): void {
    this.#clusters.publish(cluster, table, staged);
  }

  /** See `Fence.release`. */
  release(cluster: string, positions: PositionRange | undefined): Promise<void> {
    return this.#clusters.release(cluster, positions);
  }

  /** See `Fence.expect`. */
  expect(cluster: string, isStaged: boolean): void {
    this.#clusters.expect(cluster, isStaged);
  }

  /** See `Fence.isCut`. */
  isCut(cluster: string): boolean {
    return this.#clusters.isCut(cluster);
  }

  /** See `Fence.worksOnLeaving`. */
  worksOnLeaving(...asked: Parameters<Clusters['worksOnLeaving']>): Promise<boolean> {
    return this.#clusters.worksOnLeaving(...asked);
  }

  /** See `Clusters.settled`. */
  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#clusters.settled(cluster, attempt, step);
  }

  /** See `Clusters.moving`. */
  moving(cluster: string): number {
    return this.#clusters.moving(cluster);
  }

  /** See `Clusters.isQuiet`. */
  isQuiet(cluster: string): boolean {
    return this.#clusters.isQuiet(cluster);
  }

  /** See `Clusters.gone`. */
  gone(cluster: string): Promise<boolean> {
    return this.#clusters.gone(cluster);
  }

  /** See `Clusters.emptied`. */
  emptied(cluster: string): Promise<boolean> {
    return this.#clusters.emptied(cluster);
  }

  /** See `ClusterOwners.fingerprint`. */
  fingerprint(cluster: string, keys: number): Promise<TableFingerprint | null> {
    return this.#clusters.ownersIn(cluster)?.fingerprint(keys) ?? Promise.resolve(null);
  }

  // ---- what is reported --------------------------------------------------------------------------------------------

  /** The counters, those that are states brought up to date. */
  get counters(): RouterCounters {
    const { counters } = this.context;
    counters.downstreamConnections = this.#sessions.size;
    counters.downstreamStreams = this.#sessions.openStreams;
    this.#clusters.refreshCounters();
    return counters;
  }

  /** Streams that are open, at most `limit` of them. */
  openStreams(limit: number): OpenStream[] {
    this.context.turn.begin();
    return this.#sessions.describe(limit);
  }

  /** See `RunningFamily.inspect`. */
  inspect(family: string, question: string, seconds: number): Promise<object | null> {
    this.context.turn.begin();
    return this.#families.inspect(family, question, seconds);
  }

  // ---- settings ------------------------------------------------------------------------------------------------------

  /** Listens; answers the ports. `reusePort` lets several threads share them, the kernel spreading connections over them. */
  async listen(listen: readonly NamedListener[], reusePort: boolean): Promise<readonly number[]> {
    const { requestHeadTimeoutMs } = this.context.limits;
    const listeners = await this.#listeners.prepare(listen, requestHeadTimeoutMs, reusePort);
    listeners.apply();
    return listeners.ports;
  }

  /** The sockets that this thread listens on. They stay its own, until it stops. */
  sockets(): ListeningSockets[] {
    return this.#listeners.sockets();
  }

  /**
   * Prepares other settings: listens on what is new, and opens what has to be opened. The router uses them once `apply`
   * is called, from the next request on.
   * @throws Error where an address or a file cannot be had: then nothing has changed
   */
  async prepare(
    settings: RouterSettings<object>,
    listen: readonly NamedListener[],
    reusePort: boolean,
  ): Promise<PreparedSettings> {
    const families = this.#families.prepare(settings.families);
    let listeners: PreparedListeners;
    try {
      listeners = await this.#listeners.prepare(listen, settings.limits.requestHeadTimeoutMs, reusePort);
    } catch (cause) {
      families.discard();
      throw cause;
    }
    const apply = (): void => {
      this.#applySettings(settings, families);
      listeners.apply();
    };
    const discard = (): void => {
      listeners.discard();
      families.discard();
    };
    return { ports: listeners.ports, apply, discard };
  }

  #applySettings(
    { clusters, limits, drain, hold, logLevel, maxConnections }: RouterSettings<object>,
    families: Prepared,
  ): void {
    const { buffers, log } = this.context;
    Object.assign(this.context, { limits, drain, hold });
    buffers.setLimits(limits);
    log.level = logLevel;
    this.places.setLimits(limits.maxDownstreamConnections, maxConnections);
    this.#clusters.reconfigure(clusters, () => families.apply());
  }

  // ---- connections of clients ----------------------------------------------------------------------------------------

  onNoPlace(): void {
    this.context.counters.downstreamRefused++;
  }

  onHandshakeFailed(): void {
    this.context.counters.handshakesFailed++;
  }

  onAccepted(accepted: Accepted): ByteReceiver {
    this.context.counters.downstreamAccepted++;
    const own = this.#families.accept(accepted);
    const door = own === null ? this.#doors.byAlpn(accepted.alpn) : null;
    const undecided = (): Session =>
      this.#undecided(accepted, (decided) => {
        session = decided;
      });
    let session: Session = own ?? (door === null ? undecided() : door.accept(accepted));
    this.#sessions.add(session);
    return (bytes, start, end) => session.receive(bytes, start, end);
  }

  /** The first bytes have to show which protocol the connection speaks. */
  #undecided(accepted: Accepted, onDecided: (session: Session) => void): Session {
    const undecided: UndecidedSession = new UndecidedSession(accepted.socket, this.context, this.#doors, {
      onDecided: (door, bytes, start, end, endsBecause) => {
        const session = door.accept(accepted);
        this.#sessions.replace(undecided, session);
        onDecided(session);
        session.receive(bytes, start, end);
        if (endsBecause !== null) session.shutdown(endsBecause);
      },
      onClosed: (unclaimed) => {
        if (unclaimed) this.onHandshakeFailed();
        this.#sessions.remove(undecided);
      },
    });
    return undecided;
  }

  onSessionClosed(session: Session): void {
    this.#sessions.remove(session);
  }

  // ---- time ----------------------------------------------------------------------------------------------------------

  #sweep(): void {
    const nowMs = this.context.turn.begin();
    for (const session of this.#sessions) session.sweep(nowMs);
    this.#clusters.sweep(nowMs);
    this.#listeners.refreshCertificates();
  }

  /**
   * Stops in order: no new connections, each that is open is told that it goes away, up to `graceMs` for the streams in
   * flight. @returns the number of connections that had to be cut
   */
  async shutdown(graceMs: number): Promise<number> {
    this.#listeners.close();
    for (const session of this.#sessions) session.shutdown('shutting down');
    await this.#sessions.empty(graceMs);
    const cut = this.#sessions.size;
    for (const session of this.#sessions) session.destroy();
    this.#clusters.stop();
    clearInterval(this.#sweeper);
    this.context.deadlines.stop();
    await this.#families.stop();
    return cut;
  }
}

import { floodCauses, type HttpLimits, httpContextOn } from '../../http/index.ts';
import type { Family, FamilyHost, Prepared, RunningFamily } from '../core/family.ts';
import type { FrontDoor } from '../core/front-door.ts';
import type { ClusterOwners } from '../core/owner/cluster-owners.ts';
import type { PoolFactories } from '../core/owner/pool.ts';
import { ReplayArena } from '../core/replay-arena.ts';
import { AccessLog } from './observe/access-log.ts';
import { type ObserveDescription, startTracing } from './observe/observe.ts';
import { grpcStatuses, statusClasses } from './observe/statuses.ts';
import type { Tracing } from './observe/tracing.ts';
import { httpPools } from './pools/protocols.ts';
import { refusalReasons } from './replies/local-reply.ts';
import type { HttpRouterLimits, RouterContext } from './router-context.ts';
import { type RoutingDescription, RoutingSnapshot } from './routes/routing.ts';
import { httpDoors } from './session/doors.ts';
import type { DownstreamOwner, DownstreamSession } from './session/downstream.ts';

/** A router's settings for HTTP. Plain data. Tracing alone stays as it began. */
export interface HttpSettings extends RoutingDescription {
  readonly limits: HttpLimits & HttpRouterLimits;
  readonly observe: Omit<ObserveDescription, 'logLevel'>;
}

/** HTTP/1.1 and HTTP/2, with what is said in them: gRPC, gRPC-Web, Connect, WebSockets. */
export const http: Family<'http', HttpSettings> = {
  name: 'http',
  counted: { refusals: refusalReasons, floods: floodCauses, statuses: [statusClasses, grpcStatuses] },
  async load({ observe, limits }, random) {
    const tracing = await startTracing(observe, random);
    return (host) => new HttpRouter(host, limits, tracing);
  },
};

/** Others take it as it is at the moment. */
type Changeable<Context> = { -readonly [Name in keyof Context]: Context[Name] };

/** A thread's router as far as it is about HTTP: what its sessions share, and the routes. */
class HttpRouter implements RunningFamily<HttpSettings>, DownstreamOwner {
  readonly context: Changeable<RouterContext>;
  snapshot = RoutingSnapshot.empty;
  readonly doors: readonly FrontDoor[];
  readonly pools: PoolFactories;
  readonly #host: FamilyHost;

  constructor(host: FamilyHost, limits: HttpSettings['limits'], tracing: Tracing | null) {
    this.#host = host;
    const core = host.context;
    this.context = {
      ...core,
      limits: { ...core.limits, ...limits },
      http: httpContextOn(core, limits),
      arena: new ReplayArena(),
      accessLog: null,
      tracing,
    };
    this.doors = httpDoors(this);
    this.pools = httpPools(this.context);
  }

  prepare(settings: HttpSettings): Prepared {
    const { accessLog: description } = settings.observe;
    const { context, timeOfDay } = this.#host;
    const accessLog = description === undefined ? null : new AccessLog(description, context.random, timeOfDay);
    return {
      apply: () => this.#applySettings(settings, accessLog),
      discard: () => accessLog?.close(),
    };
  }

  #applySettings({ routes, edge, limits }: HttpSettings, accessLog: AccessLog | null): void {
    const { context } = this;
    const { counters, drain, hold, limits: coreLimits } = this.#host.context;
    void context.accessLog?.close();
    Object.assign(context, {
      limits: { ...coreLimits, ...limits },
      drain,
      hold,
      accessLog,
      // Connections that are open keep to what they have announced to their clients.
      http: { ...context.http, limits },
    });
    const ownersIn = (cluster: string): ClusterOwners | undefined => this.#host.ownersIn(cluster);
    this.snapshot = this.snapshot.by({ routes, edge }, counters, ownersIn);
  }

  onOwners(owners: ClusterOwners): void {
    this.snapshot = this.snapshot.withOwners(owners);
  }

  onSessionClosed(session: DownstreamSession): void {
    this.#host.onSessionClosed(session);
  }

  async stop(): Promise<void> {
    await this.context.accessLog?.close();
    await this.context.tracing?.stop().catch(() => {});
  }
}

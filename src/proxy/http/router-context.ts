import type { HttpContext, HttpLimits } from '../../http/index.ts';
import type { CoreContext, CoreLimits } from '../core/context.ts';
import type { ReplayArena } from '../core/replay-arena.ts';
import type { AccessLog } from './observe/access-log.ts';
import type { Tracing } from './observe/tracing.ts';

/** What the core shares in a router thread, and what HTTP needs beside it. A connection keeps the `http` that it began with. */
export interface RouterContext extends CoreContext {
  readonly http: HttpContext;
  readonly arena: ReplayArena;
  readonly limits: RouterLimits;
  /** Null where no access log is wanted, which spares requests the work. */
  readonly accessLog: AccessLog | null;
  readonly tracing: Tracing | null;
}

/** What a thread's requests of HTTP may take, beside what the core limits. Plain data. */
export interface HttpRouterLimits {
  /** Connections to a shard that speaks HTTP/1.1, where each request in flight takes one. */
  readonly maxHttp1ConnectionsPerShard: number;
}

export type RouterLimits = CoreLimits & HttpRouterLimits;

export const defaultRouterLimits: Omit<RouterLimits, keyof HttpLimits> = {
  maxConnectionsPerShard: 16,
  maxHttp1ConnectionsPerShard: 1024,
  maxPendingRequests: 1024,
  connectTimeoutMs: 5000,
  requestContentTimeoutMs: 60_000,
  leastContentBytesPerSecond: 100,
  maxDownstreamConnections: 20000,
  idleConnectionMs: 3_600_000,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 30_000,
};

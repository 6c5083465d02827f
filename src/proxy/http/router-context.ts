import type { HttpContext } from '../../http/index.ts';
import type { CoreContext, CoreLimits } from '../core/context.ts';
import type { AccessLog } from './observe/access-log.ts';
import type { Tracing } from './observe/tracing.ts';
import type { ReplayArena } from './replay/replay-arena.ts';

/** What the core shares in a router thread, and what HTTP needs beside it. A connection keeps the `http` that it began with. */
export interface RouterContext extends CoreContext {
  readonly http: HttpContext;
  readonly arena: ReplayArena;
  readonly limits: RouterLimits;
  /** Null where nobody wants to know, so that requests are spared the asking. */
  readonly accessLog: AccessLog | null;
  readonly tracing: Tracing | null;
}

export interface RouterLimits extends CoreLimits {
  /** Connections to a shard that speaks HTTP/1.1, where each request in flight takes one. */
  readonly maxHttp1ConnectionsPerShard: number;
  /**
   * A request's content has to bring this much in any such time in which its client may send; 0: it may take for ever. Streams of
   * messages (gRPC, Connect), WebSockets and watches may be silent by their nature and have `idleStreamMs`.
   */
  readonly requestContentTimeoutMs: number;
  readonly leastContentBytesPerSecond: number;
  /** Connections that clients may have open with one router thread. */
  readonly maxDownstreamConnections: number;
  /** A client connection without streams is ended after this time; 0: never. */
  readonly idleConnectionMs: number;
  /** A client connection is ended in order after this time, give or take a tenth, so that they do not all end at once; 0: never. */
  readonly maxConnectionAgeMs: number;
  /** How long the streams of one that is too old may go on. */
  readonly maxConnectionAgeGraceMs: number;
}

export const defaultRouterLimits: RouterLimits = {
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

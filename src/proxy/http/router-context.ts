import type { HttpContext, StreamConnection } from '../../http/index.ts';
import type { Log } from '../../runtime/log.ts';
import type { RouterCounters } from '../core/counters.ts';
import type { DeadlineWheel } from '../core/deadlines.ts';
import type { DrainDescription } from '../core/drain/drain.ts';
import type { HoldDescription } from '../core/gate/hold.ts';
import type { AccessLog } from './observe/access-log.ts';
import type { Tracing } from './observe/tracing.ts';
import type { ReplayArena } from './replay/replay-arena.ts';

/**
 * What all of a router thread shares. The router puts other settings into it when its config is reloaded: who needs one looks
 * it up when it is needed. A connection keeps the `http2` that it began with.
 */
export interface RouterContext {
  readonly http2: HttpContext;
  readonly counters: RouterCounters;
  readonly deadlines: DeadlineWheel;
  readonly arena: ReplayArena;
  readonly limits: RouterLimits;
  readonly drain: DrainDescription;
  readonly hold: HoldDescription;
  /** A shard ends a connection in order: what is open on it has to leave. */
  readonly onShardLeaving: (connection: StreamConnection, shard: string) => void;
  readonly log: Log;
  /** Null where nobody wants to know, so that requests are spared the asking. */
  readonly accessLog: AccessLog | null;
  readonly tracing: Tracing | null;
  /** Between 0 and 1; spreads reconnects. */
  readonly random: () => number;
}

export interface RouterLimits {
  /** Connections that a router thread keeps to one shard. */
  readonly maxConnectionsPerShard: number;
  /** The same for shards that speak HTTP/1.1, where each request in flight takes one. */
  readonly maxHttp1ConnectionsPerShard: number;
  /** Requests that may wait for a stream to one shard. */
  readonly maxPendingRequests: number;
  readonly connectTimeoutMs: number;
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

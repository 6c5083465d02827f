import type { BufferPool, Turn } from '../../io/index.ts';
import type { Log } from '../../runtime/log.ts';
import type { RouterCounters } from './counters.ts';
import type { DeadlineWheel } from './deadlines.ts';
import type { DrainDescription } from './drain/drain.ts';
import type { HoldDescription } from './gate/hold.ts';

/** What a thread's connections to clients and shards may take, whatever is spoken on them. Plain data. */
export interface CoreLimits {
  /** Connections that a router thread keeps to one shard, where a protocol's pool has no number of its own. */
  readonly maxConnectionsPerShard: number;
  /** Requests that may wait for one shard. */
  readonly maxPendingRequests: number;
  readonly connectTimeoutMs: number;
  /** Connections that clients may have open with one router thread. */
  readonly maxDownstreamConnections: number;
  /** A client connection without streams is ended after this time; 0: never. */
  readonly idleConnectionMs: number;
  /** A client connection is ended in order after this time, give or take a tenth, so that they do not all end at once; 0: never. */
  readonly maxConnectionAgeMs: number;
  /** How long the streams of one that is too old may go on. */
  readonly maxConnectionAgeGraceMs: number;
  /** How long a client may take to say who it is and what it speaks: a PROXY header, a TLS handshake, the first bytes. */
  readonly requestHeadTimeoutMs: number;
  /**
   * A request's content has to bring this much in any such time in which its client may send; 0: it may take for ever. Streams of
   * messages (gRPC, Connect), WebSockets and watches may be silent by their nature and have `idleStreamMs`.
   */
  readonly requestContentTimeoutMs: number;
  readonly leastContentBytesPerSecond: number;
  /** Output that may wait for a peer that reads nothing, and for all peers of a thread together; see `BufferPool`. */
  readonly maxUnsentBytes: number;
  readonly maxBacklogBytes: number;
}

/**
 * What all of a router thread shares. A family of protocols adds what it needs itself. The router puts other settings into it
 * when its config is reloaded: code that needs a setting reads it when it is needed.
 */
export interface CoreContext {
  readonly turn: Turn;
  readonly buffers: BufferPool;
  readonly counters: RouterCounters;
  readonly deadlines: DeadlineWheel;
  readonly limits: CoreLimits;
  readonly drain: DrainDescription;
  readonly hold: HoldDescription;
  /** A shard ends a connection in order: what is open on it has to leave. */
  readonly onShardLeaving: (connection: object, shard: string) => void;
  readonly log: Log;
  /** Between 0 and 1; spreads reconnects. */
  readonly random: () => number;
}

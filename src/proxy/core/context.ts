import type { Turn } from '../../io/index.ts';
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
}

/**
 * What all of a router thread shares. A family of protocols adds what it needs itself. The router puts other settings into it
 * when its config is reloaded: who needs one looks it up when it is needed.
 */
export interface CoreContext {
  readonly turn: Turn;
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

import type { SocketTarget } from '../../../io/index.ts';
import type { ShardCounters } from '../counters.ts';
import type { FailureCause } from '../failure.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { FairQueue, Waiting } from './fair-queue.ts';
import type { OutgoingRequest } from './outgoing-request.ts';

/** A user's name and password. Plain data. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Where a shard is, and what is counted for it. */
export interface ShardEndpoint extends SocketTarget {
  /** For messages to people. */
  readonly label: string;
  readonly counters: ShardCounters;
  /** Null where connections begin without one. */
  readonly login: Login | null;
  /** It is a replica of a shard, which is asked for reads alone. */
  readonly isReplica: boolean;
  readonly limits: UpstreamLimits;
  /** A connection was made, or could not be. */
  onReached(): void;
  onConnectFailed(reason: string): void;
  /** A request is about to be sent. */
  onSending(): void;
  /** A request cannot be sent: it waits for the shard to come back, where that is configured, or is refused. */
  unavailable(request: OutgoingRequest, cause: 'unreachable', reason: string): void;
  /** Answers a request in the way that follows from the cause. */
  refuse(request: OutgoingRequest, cause: FailureCause, reason: string): void;
}

/** What one shard is asked of at once, by one worker. */
export interface UpstreamLimits {
  /** Null: as many as the router allows for the protocol that the shard speaks. */
  readonly connections: number | null;
  /** Requests in flight. */
  readonly requests: number;
  /** Requests that wait. */
  readonly pending: number;
}

/**
 * The connections to one shard, and the requests that wait for one. The family that made the pool knows how a request
 * is handed to it.
 */
export interface Pool extends WaitingPlace<OutgoingRequest> {
  readonly openConnections: number;
  readonly openStreams: number;
  /** Visits the requests that are at the shard. */
  forEachOpen(visit: (request: Waiting) => void): void;
  /** Called every second or so. */
  sweep(nowMs: number): void;
  /** Cuts what is in flight, with its connections: nothing more of it is written. */
  cut(): void;
  /** Cuts all connections. No new request is taken. */
  destroy(): void;
}

/** Makes a pool of a protocol. */
export type PoolFactory<P extends Pool = Pool> = (endpoint: ShardEndpoint) => P;

/** What makes pools, by the names that clusters have for the protocols. */
export type PoolFactories = Readonly<Record<string, PoolFactory>>;

/** Has a request wait in a pool's queue, which gives one up where it is full: perhaps another client's. */
export function haveWait(
  request: OutgoingRequest,
  queue: FairQueue<OutgoingRequest>,
  pool: WaitingPlace<OutgoingRequest>,
  endpoint: ShardEndpoint,
): void {
  const givenUp = queue.push(request, endpoint.limits.pending);
  if (givenUp !== request) request.waitIn(pool);
  if (givenUp !== null) endpoint.refuse(givenUp, 'overloaded', '');
}

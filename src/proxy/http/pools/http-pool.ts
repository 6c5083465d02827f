import type { HeaderBlock, RequestConnection } from '../../../http/index.ts';
import type { ClusterOwners } from '../../core/owner/cluster-owners.ts';
import type { Cleared, OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import type { Pool } from '../../core/owner/pool.ts';
import type { Upstream } from '../../core/owner/upstream.ts';

/** A request of HTTP, as the pools of its connections see it. */
export interface HttpRequest extends OutgoingRequest {
  readonly isWebSocket: boolean;
  /** Opens a stream and sends what there is of the request. */
  send(connection: RequestConnection): void;
  /** The same at the first time, with its header section as it was received: saves filling a block again. */
  sendFirst(connection: RequestConnection, block: HeaderBlock): void;
}

export type ClearedRequest = Cleared<HttpRequest>;

/** The connections to a shard that speaks HTTP, and the requests that wait for one. */
export interface HttpPool extends Pool {
  /**
   * Sends a request on a connection with room, or has it wait for one, or refuses it.
   * @param block the request's header section where it is at hand as it was received
   */
  dispatch(request: ClearedRequest, block: HeaderBlock | null): void;
}

/** A shard that speaks HTTP. */
export type HttpUpstream = Upstream<HttpPool>;

/** The owners of a cluster whose shards speak HTTP. */
export type HttpOwners = ClusterOwners<HttpPool>;

/**
 * Called where a new connection ended without a word of the pool's protocol: the shard may speak another one.
 * @param mayServe others have been served over the pool, so that it is used as long as nothing else is known
 */
export type OnDoubt = (mayServe: boolean) => void;

import type { GatedRequest } from './gate/gated-request.ts';
import type { Upstream } from './owner/upstream.ts';

/** A request that is under way, as people see it. Families add what their protocols have beside that. */
export interface OpenStream {
  /** The client's address. */
  readonly client: string;
  /** Of the protocol. */
  readonly version: string;
  readonly protocol: string;
  readonly route: string;
  readonly cluster: string;
  readonly shard: string;
  readonly key: string;
  readonly ageMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly retries: number;
}

/** A request that is under way, as its thread sees it, whatever protocol it is of. */
export interface OpenRequest extends GatedRequest {
  /** The owner of its key. */
  readonly owner: Upstream;
  /** Whether its answer comes on this connection to a shard. */
  isOn(connection: object): boolean;
  describe(): OpenStream;
}

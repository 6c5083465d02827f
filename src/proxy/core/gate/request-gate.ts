import type { StagedCluster } from '../../../topology/index.ts';
import type { GatedRequest } from './gated-request.ts';
import type { Owners } from './owners.ts';

/**
 * Stands between the requests to a cluster and their owners, and lets through what may be sent now: a router's `Gate`, or the
 * `Fence` of a sidecar.
 */
export interface RequestGate {
  /** Requests that wait here. */
  readonly waiting: number;
  /** How many watches are open whose keys move by what is staged, as far as they were found. */
  readonly movingWatches: number;
  /** Whether what is staged could be held at once: none of the calls whose keys move takes long. */
  readonly isQuiet: boolean;
  /** What a shard says of keys that it has lost is for this gate; otherwise the answer is the client's. */
  readonly heedsShards: boolean;
  /** What writes show to the shard's store; 0: nothing. See `FencedShard`. */
  readonly token: number;
  /**
   * Whether a request may be sent now to its owner, which was found in this turn; otherwise it waits here, or was refused. This
   * and `readmits` alone decide it.
   */
  admits(request: GatedRequest): boolean;
  /** The same for one that has waited, or was sent before: it may have another owner by now. */
  readmits(request: GatedRequest): boolean;
  /** A shard says that it has given a request's key up by a version. */
  onStale(request: GatedRequest, version: number): void;
  /** Content of a request has come while it waits here. */
  onContent(request: GatedRequest, bytes: number): void;
  holds(request: GatedRequest): boolean;
  /** Whether all that moves by a table waits here, and nothing of it is in flight. @param build the table's */
  hasHandedOverTo(build: number): boolean;
  /** The control plane may have said that the lease is over. */
  lookAtLease(): void;
  /** The table has changed, or what is staged beside it. @param next by what is staged; null: nothing is */
  changed(staged: StagedCluster | null, next: Owners | null): void;
  /** Resolves once a step is done here, or false where another has begun. */
  settled(attempt: number, step: string): Promise<boolean>;
  stop(): void;
}

import type { ShardPlace } from '../../../topology/index.ts';

/** Where a shard is, or a replica of one. */
export interface ServerPlace extends ShardPlace {
  readonly isReplica?: boolean;
}

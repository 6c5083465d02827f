import type { ShardPlace } from '../../../topology/index.ts';

/** Where a shard is, or a replica of one. */
export interface ServerPlace extends ShardPlace {
  /** Of a replica: the id of the shard that it follows. */
  readonly replicaOf?: string;
}

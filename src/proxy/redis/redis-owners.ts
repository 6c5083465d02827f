import type { ClusterOwners } from '../core/owner/cluster-owners.ts';
import type { RedisPool } from './shards/redis-pool.ts';

/** The owners of a cluster whose shards speak RESP. */
export type RedisOwners = ClusterOwners<RedisPool>;

/** What such clusters have for their shards' protocol. */
export const REDIS_PROTOCOL = 'redis';

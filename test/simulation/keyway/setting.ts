import type { TopologyName } from '../../../src/topology/index.ts';

/** The cluster that all is about. */
export const NAME: TopologyName = { namespace: 'default', cluster: 'docs' };
export const KEYS: readonly string[] = Array.from({ length: 12 }, (_, i) => `k${i}`);

/** Short, so that a run of a minute sees them end many times; 5% of the shorter is more than a plain shard's operation takes. */
export const ROUTER_LEASE_MS = 4000;
export const SHARD_LEASE_MS = 4000;
export const FAILOVER_AFTER_MS = 2000;
/** The longest operation of a plain shard, with its way there, is far less than what its router has left when it cuts. */
export const PLAIN_OPERATION_MS = 20;

/** Whether a cluster's shards refuse what they have lost. */
export type ShardKind = 'fencing' | 'plain';

export function addressOf(shard: string, place = 0): string {
  return `10.0.${place}.${Number(shard.slice(1)) + 1}:9000`;
}

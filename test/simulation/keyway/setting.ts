import { type TopologyName, topologyText } from '../../../src/topology/index.ts';

/** The cluster that all is about. */
export const NAME: TopologyName = { namespace: 'default', cluster: 'docs' };
export const KEYS: readonly string[] = Array.from({ length: 12 }, (_, i) => `k${i}`);

/** Short, so that a run of a minute sees them end many times; 5% of the shorter is more than a plain shard's operation takes. */
export const ROUTER_LEASE_MS = 4000;
export const SHARD_LEASE_MS = 4000;
export const FAILOVER_AFTER_MS = 2000;
/** The longest operation of a plain shard, with its way there, is far less than what its router has left when it cuts. */
export const PLAIN_OPERATION_MS = 20;

/** Which of a cluster's shards refuse what they have lost. */
export type ShardKind = 'fencing' | 'plain' | 'mixed';

/** Whether a shard does. */
export function refuses(shard: string, kind: ShardKind): boolean {
  return kind === 'mixed' ? Number(shard.slice(1)) % 2 === 0 : kind === 'fencing';
}

export function addressOf(shard: string, place = 0): string {
  return `10.0.${place}.${Number(shard.slice(1)) + 1}:9000`;
}

/** At which of its places a shard of an address is. */
export function placeOf(address: string): number {
  return Number(address.split('.')[2]);
}

/** The cluster's name among its own in registry entries. */
export const TOPOLOGY = topologyText(NAME);

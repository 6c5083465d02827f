import type { KnownNode } from '../registry/index.ts';
import type { Shard } from '../topology/index.ts';

/**
 * Whether whatever answers at a shard's address refuses what the shard has lost. A process elsewhere says nothing of the one
 * that is asked.
 */
export function fences(nodes: readonly KnownNode[], { id, address }: Pick<Shard, 'id' | 'address'>): boolean {
  const there = nodes.filter(({ shard, ended }) => shard === id && !ended);
  return there.every(({ fencing }) => fencing) && there.some((node) => node.address === address);
}

import type { Shard } from '../../../topology/index.ts';
import type { NodeState } from '../../engine.ts';

/**
 * Why a replica is not told to take its shard over, though the topology has it be the primary; null: it is. A node that takes over claims all slots of
 * the one that it follows, with the data that it has at that moment.
 */
export function whyNotToTakeOver({ follows, link }: NodeState, { id, replicas = [] }: Shard): string | null {
  // Another program has moved its slots away, and it has become a replica of the shard that has them now.
  if (!replicas.some((replica) => replica.id === follows)) return `it follows ${follows}, which is no node of ${id}`;
  if (link?.isSyncing !== false) return 'it is in the middle of a copy of the whole data';
  return null;
}

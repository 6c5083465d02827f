import { primaryId, type Shard, type SlotRange, type Topology } from '../../../topology/index.ts';
import type { NodeState, SlotOnItsWay } from '../../engine.ts';

/**
 * Why a replica is not told to take its shard over, though the topology has it be the primary; null: it is. A node that takes over claims all slots of
 * the one that it follows, with the data that it has at that moment.
 * @param claimed the slots that it would claim
 */
export function whyNotToTakeOver(
  { follows, link }: NodeState,
  { id, replicas = [] }: Shard,
  claimed: readonly SlotRange[],
  moving: readonly SlotOnItsWay[],
): string | null {
  // Another program has moved its slots away, and it has become a replica of the shard that has them now.
  if (!replicas.some((replica) => replica.id === follows)) return `it follows ${follows}, which is no node of ${id}`;
  if (link?.isSyncing !== false) return 'it is in the middle of a copy of the whole data';
  // By the newer epoch its claim would be believed, and the shard that has the slot would throw its keys away.
  const gone = moving.find(
    ({ slot, from, isSettling }) =>
      isSettling && from === id && claimed.some(([first, last]) => first <= slot && slot <= last),
  );
  if (gone !== undefined) return `it has not heard yet that slot ${gone.slot} is ${gone.to}'s`;
  return null;
}

/** What a new primary is told together with its role, so that keys that are at another node already are looked for there. */
export function slotsOnTheirWay(
  { name, shards }: Topology,
  { id }: Shard,
  moving: readonly SlotOnItsWay[],
): readonly string[][] {
  const primaryOf = (shard: string): string | null => {
    const found = shards.find((each) => each.id === shard);
    return found === undefined ? null : primaryId(name, found);
  };
  return moving.flatMap(({ slot, from, to, isSettling }) => {
    const [state, other] = to === id ? ['IMPORTING', primaryOf(from)] : ['MIGRATING', primaryOf(to)];
    const isConcerned = to === id || (from === id && !isSettling);
    return isConcerned && other !== null ? [['CLUSTER', 'SETSLOT', String(slot), state, other]] : [];
  });
}

import type { SlotRange, Topology } from '../../topology/index.ts';
import { MigrationRefused, type WantedMove } from './migration.ts';
import { slotsIn, slotsOfRanges } from './slot-sets.ts';

/** From which shard to which which slots move. */
export type PlannedMove = Pick<WantedMove, 'from' | 'to' | 'slots'>;

/**
 * The moves by which slots come to a shard, from those that have them.
 * @throws MigrationRefused where there is no such shard
 */
export function movesOfSlots({ shards }: Topology, slots: readonly SlotRange[], to: string): PlannedMove[] {
  if (!shards.some(({ id }) => id === to))
    throw new MigrationRefused(`there is no shard ${to}; there are ${shards.map(({ id }) => id).join(', ')}`);
  const wanted = new Set(slotsOfRanges(slots));
  return shards.flatMap(({ id: from, slots: own = [] }) => {
    const moving = slotsOfRanges(own).filter((slot) => wanted.has(slot));
    return from === to || moving.length === 0 ? [] : [{ from, to, slots: slotsIn(moving) }];
  });
}

/**
 * The fewest moves by which shards have equally many slots, give or take one.
 * @param shards with their slots; those that come have none
 * @param staying the ids of those that have slots afterwards; the others give all of theirs away
 */
export function evenMoves(
  shards: ReadonlyArray<{ readonly id: string; readonly slots?: readonly SlotRange[] | undefined }>,
  staying: ReadonlySet<string>,
): PlannedMove[] {
  const all = shards.map(({ id, slots = [] }) => ({ id, slots: slotsOfRanges(slots) }));
  const total = all.reduce((sum, { slots }) => sum + slots.length, 0);
  const [least, more] = [Math.floor(total / staying.size), total % staying.size];
  // Those that have most keep one more: so fewest move.
  const order = all.filter(({ id }) => staying.has(id)).sort((a, b) => b.slots.length - a.slots.length);
  const wanted = new Map(order.map(({ id }, i) => [id, least + (i < more ? 1 : 0)]));
  const surplus = all.flatMap(({ id, slots }) => {
    const count = wanted.get(id) ?? 0;
    return slots.slice(count).map((slot) => ({ from: id, slot }));
  });
  const moves = new Map<string, { readonly from: string; readonly to: string; readonly slots: number[] }>();
  for (const { id: to, slots } of all)
    for (let missing = (wanted.get(to) ?? 0) - slots.length; missing > 0; missing--) {
      const next = surplus.shift();
      if (next === undefined) break;
      const key = `${next.from} ${to}`;
      const move = moves.get(key) ?? { from: next.from, to, slots: [] };
      moves.set(key, move);
      move.slots.push(next.slot);
    }
  return [...moves.values()].map(({ from, to, slots }) => ({ from, to, slots: slotsIn(slots) }));
}

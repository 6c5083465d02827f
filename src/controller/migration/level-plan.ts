import type { SlotRange } from '../../topology/index.ts';
import type { PlannedMove } from './plan.ts';
import { slotsIn, slotsOfRanges } from './slot-sets.ts';

/** How much of something each slot has; those that are not there have nothing. */
export type SlotWeights = ReadonlyMap<number, number>;

/** What a shard has of something, before slots move and afterwards. */
export interface ShardLoad {
  readonly id: string;
  readonly before: number;
  readonly after: number;
}

export interface LevelPlan {
  readonly moves: readonly PlannedMove[];
  readonly loads: readonly ShardLoad[];
}

interface Shard {
  readonly id: string;
  readonly before: number;
  load: number;
  /** With how much each has, the heaviest first. What has come from another shard is not among them: no slot moves twice. */
  readonly own: Array<{ readonly slot: number; readonly weight: number }>;
  /** Nothing more can be taken from it that would make anything more even. */
  isDone: boolean;
}

/**
 * Moves after which no shard has much more of something than the others: always from the one that has most to the one that has least, and the heaviest
 * slot that makes neither go past the mean, so that few slots move. A slot that is heavier than the difference stays where it is.
 * @param tolerance the share of the mean by which shards may differ from it
 */
export function levelMoves(
  shards: ReadonlyArray<{ readonly id: string; readonly slots?: readonly SlotRange[] | undefined }>,
  weights: SlotWeights,
  tolerance: number,
): LevelPlan {
  const all = shards.map(({ id, slots = [] }): Shard => {
    const own = slotsOfRanges(slots).map((slot) => ({ slot, weight: weights.get(slot) ?? 0 }));
    const load = own.reduce((sum, { weight }) => sum + weight, 0);
    const heavy = own.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight || a.slot - b.slot);
    return { id, before: load, load, own: heavy, isDone: false };
  });
  const moved = new Map<string, { readonly from: string; readonly to: string; readonly slots: number[] }>();
  for (;;) {
    // What one has that can give nothing away is no measure for the others.
    const open = all.filter(({ isDone }) => !isDone).sort((a, b) => b.load - a.load);
    const [from, to] = [open[0], open.at(-1)];
    const mean = open.reduce((sum, { load }) => sum + load, 0) / open.length;
    if (from === undefined || to === undefined || from === to) break;
    if (Math.max(from.load - mean, mean - to.load) <= tolerance * mean) break;
    const slot = takeFrom(from, to, mean);
    if (slot === null) {
      from.isDone = true;
      continue;
    }
    const key = `${from.id} ${to.id}`;
    const move = moved.get(key) ?? { from: from.id, to: to.id, slots: [] };
    moved.set(key, move);
    move.slots.push(slot);
  }
  return {
    moves: [...moved.values()].map((move) => ({ ...move, slots: slotsIn(move.slots) })),
    loads: all.map(({ id, before, load }) => ({ id, before, after: load })),
  };
}

/** Takes the slot from one shard to another that fits best. @returns null where none makes them more even */
function takeFrom(from: Shard, to: Shard, mean: number): number | null {
  const room = Math.min(from.load - mean, mean - to.load);
  const fits = from.own.findIndex(({ weight }) => weight <= room);
  // The lightest one goes past the mean, and may be better than nothing.
  const at = fits === -1 ? from.own.length - 1 : fits;
  const found = from.own[at];
  if (found === undefined || found.weight >= from.load - to.load) return null;
  from.own.splice(at, 1);
  from.load -= found.weight;
  to.load += found.weight;
  return found.slot;
}

import type { SlotRange } from '../../topology/index.ts';

/** Every slot of some ranges, in their order. */
export function slotsOfRanges(ranges: readonly SlotRange[]): number[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** Slots as ranges, as few as can be. */
export function slotsIn(slots: Iterable<number>): SlotRange[] {
  const ranges: Array<[number, number]> = [];
  for (const slot of [...new Set(slots)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === slot - 1) last[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges;
}

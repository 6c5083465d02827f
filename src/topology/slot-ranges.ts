import { SLOT_COUNT } from '../placement/index.ts';

export type SlotRange = readonly [first: number, last: number];

/** Reads slot ranges as Redis and Kvrocks write them: `0-100 200 205`. @returns the ranges, or what is wrong */
export function parseSlotRanges(text: string): readonly SlotRange[] | string {
  const ranges: SlotRange[] = [];
  for (const word of text.split(/[\s,]+/).filter((each) => each !== '')) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(word);
    if (match === null) return `"${word}" is not a slot or a range of slots such as 0-5460`;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last >= SLOT_COUNT) return `slot ${last} is beyond the last one, ${SLOT_COUNT - 1}`;
    if (first > last) return `"${word}" runs backwards`;
    ranges.push([first, last]);
  }
  return ranges;
}

/** What is wrong with a cluster's slots taken together, or null: each slot has exactly one owner. */
export function slotFault(
  shards: ReadonlyArray<{ readonly id: string; readonly slots: readonly SlotRange[] }>,
): string | null {
  const owners: Array<string | undefined> = new Array(SLOT_COUNT).fill(undefined);
  for (const { id, slots } of shards) {
    for (const [first, last] of slots) {
      for (let slot = first; slot <= last; slot++) {
        if (owners[slot] !== undefined) return `slot ${slot} belongs to both ${owners[slot]} and ${id}`;
        owners[slot] = id;
      }
    }
  }
  const hole = owners.indexOf(undefined);
  return hole < 0 ? null : `slot ${hole} belongs to no shard`;
}

/** Divides slots among so many, as evenly as can be, in their order; the first ones take the remainder. */
export function dividedSlots(ranges: readonly SlotRange[], parts: number): readonly SlotRange[][] {
  const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const left = ranges.map(([first, last]): [number, number] => [first, last]);
  return Array.from({ length: parts }, (_, i) => {
    const part: SlotRange[] = [];
    let wanted = Math.floor(count / parts) + (i < count % parts ? 1 : 0);
    for (let range = left[0]; wanted > 0 && range !== undefined; range = left[0]) {
      const [first, last] = range;
      const end = Math.min(last, first + wanted - 1);
      part.push([first, end]);
      wanted -= end - first + 1;
      if (end === last) left.shift();
      else range[0] = end + 1;
    }
    return part;
  });
}

/** Writes slot ranges as `parseSlotRanges` reads them. */
export function formatSlotRanges(ranges: readonly SlotRange[]): string {
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(' ');
}

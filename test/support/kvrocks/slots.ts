import { Buffer } from 'node:buffer';
import { SLOT_COUNT, slotOf } from '../../../src/placement/index.ts';
import type { SlotRange } from '../../../src/topology/index.ts';
import { KvrocksError } from './kvrocks-error.ts';

/** @param key each of its bytes as a character */
export function slotOfKey(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return slotOf(bytes, 0, bytes.length);
}

export function contains([first, last]: SlotRange, slot: number): boolean {
  return first <= slot && slot <= last;
}

export function overlaps(one: SlotRange, other: SlotRange): boolean {
  return one[0] <= other[1] && other[0] <= one[1];
}

export function isSame(one: SlotRange | null, other: SlotRange | null): boolean {
  return one?.[0] === other?.[0] && one?.[1] === other?.[1];
}

/** As CLUSTER INFO has it: -1 stands for none. */
export function rangeText(range: SlotRange | null): string {
  if (range === null) return '-1';
  return range[0] === range[1] ? `${range[0]}` : `${range[0]}-${range[1]}`;
}

export function slotsIn([first, last]: SlotRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function slotNumber(text: string): number | null {
  const slot = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return slot < SLOT_COUNT ? slot : null;
}

/** The ranges of SETSLOT, MIGRATE and IMPORT: `5`, `5-9`, several with blanks between (commander.cc, ParseSlotRanges). @throws KvrocksError */
export function parseRanges(text: string): [SlotRange, ...SlotRange[]] {
  const ranges = text
    .split(' ')
    .filter((word) => word !== '')
    .map((word): SlotRange => {
      if (!word.includes('-')) {
        const slot = slotNumber(word);
        if (slot === null) throw new KvrocksError('Invalid slot id: encounter non-integer characters');
        return [slot, slot];
      }
      if (word.startsWith('-') || word.endsWith('-'))
        throw new KvrocksError(
          `Invalid slot range: \`${word}\`. The character '-' can't appear in the first or last position.`,
        );
      const [first = null, last = null, ...more] = word.split('-').map(slotNumber);
      if (more.length > 0)
        throw new KvrocksError(`Invalid slot range: \`${word}\`. The slot range should be of the form \`int1-int2\`.`);
      if (first === null || last === null || first > last)
        throw new KvrocksError(
          `Invalid slot range: \`${word}\`. The slot range \`int1-int2\` needs to satisfy the condition (int1 <= int2).`,
        );
      return [first, last];
    });
  const [range, ...more] = ranges;
  if (range === undefined) throw new KvrocksError('No slots to parse.');
  return [range, ...more];
}

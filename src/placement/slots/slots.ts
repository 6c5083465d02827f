/**
 * Redis Cluster's placement: CRC16 of the key, or of its `{tag}`, mod 16384 gives a slot; members own ranges of slots
 * (Redis Cluster specification, "Keys hash tags"). Where no member names ranges, the slots are divided evenly in the
 * order of the list, the first members taking the remainder.
 */
import { z } from 'zod';
import { crc16 } from '../hash/crc16.ts';
import type { Hash64 } from '../hash/u64.ts';
import { type Partition, table } from '../partition.ts';
import { type Member, owners, type Placement, type PlacementKind } from '../placement.ts';
import { type SharedTables, sharedWords } from '../shared-tables.ts';

export const SLOT_COUNT = 16384;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** It takes none: which slots a member owns, the member says. */
const options = z.strictObject({});

export const slots: PlacementKind<typeof options> = {
  about: "Redis Cluster's 16384 slots.",
  options,
  build(members) {
    const owned = sharedWords(SLOT_COUNT).fill(-1);
    if (members.some((member) => member.slots !== undefined)) {
      members.forEach((member, index) => {
        for (const [first, last] of member.slots ?? []) owned.fill(index, first, last + 1);
      });
    } else divideEvenly(owned, members);
    return new SlotTable(owned);
  },
  open: ([table]) => new SlotTable(table as Int32Array),
};

function divideEvenly(owned: Int32Array, members: readonly Member[]): void {
  const used = owners(members);
  let first = 0;
  used.forEach((index, place) => {
    const share = Math.floor(SLOT_COUNT / used.length) + (place < SLOT_COUNT % used.length ? 1 : 0);
    owned.fill(index, first, first + share);
    first += share;
  });
}

/** The slot of key[start, end): of what stands between the first `{` and the next `}`, where that is not empty. */
export function slotOf(key: Uint8Array, start: number, end: number): number {
  let open = start;
  while (open < end && key[open] !== OPEN_BRACE) open++;
  if (open < end) {
    let close = open + 1;
    while (close < end && key[close] !== CLOSE_BRACE) close++;
    if (close < end && close > open + 1) return crc16(key, open + 1, close) & (SLOT_COUNT - 1);
  }
  return crc16(key, start, end) & (SLOT_COUNT - 1);
}

class SlotTable implements Placement {
  readonly #table: Int32Array;

  constructor(table: Int32Array) {
    this.#table = table;
  }

  locate(key: Uint8Array, start: number, end: number): number {
    return this.#table[slotOf(key, start, end)] as number;
  }

  hash(key: Uint8Array, start: number, end: number, into: Hash64): void {
    into.hi = 0;
    into.lo = slotOf(key, start, end);
  }

  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.hash(key, start, end, into);
  }

  partition(): Partition {
    return table('slots', this.#table);
  }

  get tables(): SharedTables {
    return [this.#table];
  }

  get sizeBytes(): number {
    return this.#table.byteLength;
  }
}

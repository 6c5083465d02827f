/**
 * Maglev as Envoy builds it (source/extensions/load_balancing_policies/maglev; Eisenbud et al., "Maglev: A Fast and
 * Reliable Software Network Load Balancer", NSDI 2016, listing 1), with Envoy's weights: members sorted by hash key, and
 * in turn t a member of share w takes its next free preference only if t * w has reached its target.
 */
import { type Hash64, modulo } from '../hash/u64.ts';
import { xxHash64 } from '../hash/xxhash64.ts';
import { type Partition, table } from '../partition.ts';
import { keyBytes, type Member, owners, type Placement, type PlacementKind } from '../placement.ts';
import { type SharedTables, sharedWords } from '../shared-tables.ts';
import { DEFAULT_TABLE_SIZE, maglevOptions } from './options.ts';

/** One member while the table fills: its walk through the slots and what it is due. */
interface Candidate {
  readonly index: number;
  readonly share: number;
  readonly skip: number;
  slot: number;
  target: number;
}

export const maglev: PlacementKind<typeof maglevOptions> = {
  about: "Envoy's Maglev, bit for bit.",
  options: maglevOptions,
  sizeOption: 'tableSize',
  build(members, options) {
    const tableSize = options.tableSize ?? DEFAULT_TABLE_SIZE;
    return new MaglevTable(fill(candidatesOf(members, tableSize), tableSize));
  },
  open: ([table]) => new MaglevTable(table as Int32Array),
};

function candidatesOf(members: readonly Member[], tableSize: number): Candidate[] {
  const used = owners(members);
  let total = 0;
  for (const index of used) total += (members[index] as Member).weight;
  const hash: Hash64 = { hi: 0, lo: 0 };
  return used
    .map((index) => ({ index, member: members[index] as Member, key: keyBytes((members[index] as Member).hashKey) }))
    .sort((a, b) => Buffer.compare(a.key, b.key) || (a.member.id < b.member.id ? -1 : 1))
    .map(({ index, member, key }) => {
      xxHash64(key, 0, key.length, 0, hash);
      const offset = modulo(hash, tableSize);
      xxHash64(key, 0, key.length, 1, hash);
      return { index, share: member.weight / total, skip: modulo(hash, tableSize - 1) + 1, slot: offset, target: 0 };
    });
}

function fill(candidates: Candidate[], tableSize: number): Int32Array {
  const table = sharedWords(tableSize).fill(-1);
  if (candidates.length === 0) return table;
  const largest = candidates.reduce((most, { share }) => Math.max(most, share), 0);
  let filled = 0;
  for (let turn = 1; filled < tableSize; turn++) {
    for (const candidate of candidates) {
      if (filled === tableSize) break;
      if (turn * candidate.share < candidate.target) continue;
      candidate.target += largest;
      while (table[candidate.slot] !== -1) candidate.slot = (candidate.slot + candidate.skip) % tableSize;
      table[candidate.slot] = candidate.index;
      filled++;
    }
  }
  return table;
}

/** The finished table: slot hash mod size holds the owner. */
export class MaglevTable implements Placement {
  readonly #table: Int32Array;
  readonly #scratch: Hash64 = { hi: 0, lo: 0 };

  constructor(table: Int32Array) {
    this.#table = table;
  }

  locate(key: Uint8Array, start: number, end: number): number {
    xxHash64(key, start, end, 0, this.#scratch);
    return this.#table[modulo(this.#scratch, this.#table.length)] as number;
  }

  hash(key: Uint8Array, start: number, end: number, into: Hash64): void {
    xxHash64(key, start, end, 0, into);
  }

  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    xxHash64(key, start, end, 0, into);
    into.lo = modulo(into, this.#table.length);
    into.hi = 0;
  }

  partition(): Partition {
    return table(`maglev/${this.#table.length}`, this.#table);
  }

  get tables(): SharedTables {
    return [this.#table];
  }

  get sizeBytes(): number {
    return this.#table.byteLength;
  }

  /** The owner of each slot, in order. */
  slots(): readonly number[] {
    return Array.from(this.#table);
  }
}

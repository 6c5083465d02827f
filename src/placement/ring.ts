import type { Hash64 } from './hash/u64.ts';
import { xxHash64 } from './hash/xxhash64.ts';
import { circle, type Partition } from './partition.ts';
import type { Placement } from './placement.ts';
import { type SharedTables, sharedWords, unsigned } from './shared-tables.ts';

/** Below this many entries the histograms of a 16-bit radix pass cost more than the extra passes of an 8-bit one. */
const WIDE_RADIX_FROM = 16384;

/** One stable counting pass over `digit` of each entry of `order`. */
function radixPass(order: Uint32Array, into: Uint32Array, words: Int32Array, shift: number, mask: number): void {
  const offsets = new Uint32Array(mask + 2);
  for (let i = 0; i < order.length; i++) {
    const digit = ((words[order[i] as number] as number) >>> shift) & mask;
    offsets[digit + 1] = (offsets[digit + 1] as number) + 1;
  }
  for (let i = 1; i < offsets.length; i++) offsets[i] = (offsets[i] as number) + (offsets[i - 1] as number);
  for (let i = 0; i < order.length; i++) {
    const entry = order[i] as number;
    const digit = ((words[entry] as number) >>> shift) & mask;
    const place = offsets[digit] as number;
    offsets[digit] = place + 1;
    into[place] = entry;
  }
}

/** The permutation that sorts 64-bit hashes; equal hashes keep the order in which they were added. */
function sortedOrder(his: Int32Array, los: Int32Array): Uint32Array {
  const bits = his.length < WIDE_RADIX_FROM ? 8 : 16;
  const mask = (1 << bits) - 1;
  let order: Uint32Array = new Uint32Array(his.length);
  let spare: Uint32Array = new Uint32Array(his.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (const words of [los, his]) {
    for (let shift = 0; shift < 32; shift += bits) {
      radixPass(order, spare, words, shift, mask);
      [order, spare] = [spare, order];
    }
  }
  return order;
}

/** For each value of the top bits of a hash, the first entry that has at least these. */
function startsOf(his: Uint32Array): Int32Array {
  const bits = Math.max(1, Math.min(24, 32 - Math.clz32(his.length)));
  const starts = sharedWords(2 ** bits);
  let entry = 0;
  for (let bucket = 0; bucket < starts.length; bucket++) {
    while (entry < his.length && (his[entry] as number) >>> (32 - bits) < bucket) entry++;
    starts[bucket] = entry;
  }
  return starts;
}

/**
 * A sorted circle of 64-bit hashes, each with an owner. A key belongs to the first entry at or after its hash, and past
 * the last one to the first.
 */
export class Ring implements Placement {
  readonly #his: Uint32Array;
  readonly #los: Uint32Array;
  readonly #owners: Uint32Array;
  // For the top bits of a hash, the first entry that has at least these: a look-up starts there and rarely takes two steps.
  readonly #starts: Uint32Array;
  readonly #shift: number;
  readonly #scratch: Hash64 = { hi: 0, lo: 0 };
  readonly tables: SharedTables;

  private constructor(tables: SharedTables) {
    const [his, los, owners, starts] = tables.map(unsigned);
    this.tables = tables;
    this.#his = his as Uint32Array;
    this.#los = los as Uint32Array;
    this.#owners = owners as Uint32Array;
    this.#starts = starts as Uint32Array;
    // There are as many starts as the bits that are looked at have values.
    this.#shift = 1 + Math.clz32(this.#starts.length);
  }

  static open(tables: SharedTables): Ring {
    return new Ring(tables);
  }

  static of(entries: RingEntries): Ring {
    const order = sortedOrder(entries.his.subarray(0, entries.size), entries.los.subarray(0, entries.size));
    const size = order.length;
    const [his, los, owners] = [sharedWords(size), sharedWords(size), sharedWords(size)];
    for (let i = 0; i < size; i++) {
      const from = order[i] as number;
      his[i] = entries.his[from] as number;
      los[i] = entries.los[from] as number;
      owners[i] = entries.owners[from] as number;
    }
    return new Ring([his, los, owners, startsOf(unsigned(his))]);
  }

  locate(key: Uint8Array, start: number, end: number): number {
    const size = this.#his.length;
    if (size === 0) return -1;
    const hash = this.#scratch;
    xxHash64(key, start, end, 0, hash);
    const keyHi = hash.hi >>> 0;
    const keyLo = hash.lo >>> 0;
    let at = this.#starts[keyHi >>> this.#shift] as number;
    while (at < size) {
      const entryHi = this.#his[at] as number;
      if (entryHi > keyHi || (entryHi === keyHi && (this.#los[at] as number) >= keyLo)) break;
      at++;
    }
    return this.#owners[at === size ? 0 : at] as number;
  }

  hash(key: Uint8Array, start: number, end: number, into: Hash64): void {
    xxHash64(key, start, end, 0, into);
  }

  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    xxHash64(key, start, end, 0, into);
  }

  partition(): Partition {
    const last = { hi: 0xffffffff, lo: 0xffffffff };
    return circle('xxHash64', last, { his: this.#his, los: this.#los, owners: this.#owners });
  }

  get sizeBytes(): number {
    return this.#his.byteLength + this.#los.byteLength + this.#owners.byteLength + this.#starts.byteLength;
  }

  /** The entries in the order of the circle. */
  *entries(): Generator<{ hash: bigint; owner: number }> {
    for (let i = 0; i < this.#his.length; i++) {
      const hash = (BigInt(this.#his[i] as number) << 32n) | BigInt(this.#los[i] as number);
      yield { hash, owner: this.#owners[i] as number };
    }
  }
}

/** Collects the entries of a ring to be. */
export class RingEntries {
  readonly his: Int32Array;
  readonly los: Int32Array;
  readonly owners: Uint32Array;
  size = 0;

  constructor(capacity: number) {
    this.his = new Int32Array(capacity);
    this.los = new Int32Array(capacity);
    this.owners = new Uint32Array(capacity);
  }

  add(hash: Hash64, owner: number): void {
    this.his[this.size] = hash.hi;
    this.los[this.size] = hash.lo;
    this.owners[this.size] = owner;
    this.size++;
  }
}

/** Writes `number` in decimal into `into` from `at`; answers the end. Saves a string for each of a ring's entries. */
export function writeDecimal(number: number, into: Uint8Array, at: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = number;
  for (let i = at + digits - 1; i >= at; i--) {
    into[i] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + digits;
}

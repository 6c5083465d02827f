/**
 * Ketama, as memcached clients place keys: the continuum is built by the `hashring` package (40 MD5 digests of 4 points a
 * member, scaled by weight), and searched here without its per-key allocation.
 */
import HashRing from 'hashring';
import { z } from 'zod';
import { md5First32 } from '../hash/md5.ts';
import type { Hash64 } from '../hash/u64.ts';
import { circle, type Partition } from '../partition.ts';
import { type Member, owners, type Placement, type PlacementKind } from '../placement.ts';
import { type SharedTables, sharedWords, unsigned } from '../shared-tables.ts';

/** It takes none. */
const options = z.strictObject({});

export const ketama: PlacementKind<typeof options> = {
  about: "memcached's ketama.",
  options,
  build(members) {
    const weights: Record<string, number> = {};
    const byKey = new Map<string, number>();
    for (const index of owners(members)) {
      const member = members[index] as Member;
      weights[member.hashKey] = member.weight;
      byKey.set(member.hashKey, index);
    }
    const { ring } = new HashRing(weights, 'md5', { 'max cache size': 1 });
    const points = sharedWords(ring.length);
    const owned = sharedWords(ring.length);
    ring.forEach((node, i) => {
      points[i] = node.value;
      owned[i] = byKey.get(node.server) ?? -1;
    });
    return new KetamaContinuum(points, owned);
  },
  open: ([points, owned]) => new KetamaContinuum(points as Int32Array, owned as Int32Array),
};

class KetamaContinuum implements Placement {
  readonly #points: Uint32Array;
  readonly #owners: Int32Array;

  readonly tables: SharedTables;

  constructor(points: Int32Array, owned: Int32Array) {
    this.tables = [points, owned];
    this.#points = unsigned(points);
    this.#owners = owned;
  }

  locate(key: Uint8Array, start: number, end: number): number {
    if (this.#points.length === 0) return -1;
    const hash = md5First32(key, start, end);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low === this.#points.length ? 0 : low] as number;
  }

  hash(key: Uint8Array, start: number, end: number, into: Hash64): void {
    into.hi = 0;
    into.lo = md5First32(key, start, end) | 0;
  }

  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.hash(key, start, end, into);
  }

  partition(): Partition {
    const last = { hi: 0, lo: 0xffffffff };
    return circle('ketama', last, { his: null, los: this.#points, owners: this.#owners });
  }

  get sizeBytes(): number {
    return this.#points.byteLength + this.#owners.byteLength;
  }
}

/**
 * A ring with a fixed number of entries per unit of weight. A member's entries depend on that member alone, so that a
 * join or a departure moves the least share of keys: only what the newcomer takes, or what the departed one had.
 * (Envoy's ring rescales every host's entries with the number of hosts, and moves half as much again.) Members are taken
 * in the order of their ids: the order of the list does not matter.
 */
import type { Hash64 } from '../hash/u64.ts';
import { xxHash64 } from '../hash/xxhash64.ts';
import { keyBytes, type Member, owners, type PlacementKind } from '../placement.ts';
import { Ring, RingEntries, writeDecimal } from '../ring.ts';
import { DEFAULT_ENTRIES_PER_WEIGHT, fixedRingOptions } from './options.ts';

export const fixedRing: PlacementKind<typeof fixedRingOptions> = {
  about: 'A ring on which a new shard moves the smallest possible share of keys.',
  options: fixedRingOptions,
  sizeOption: 'entriesPerWeight',
  build(members, options) {
    const perWeight = options.entriesPerWeight ?? DEFAULT_ENTRIES_PER_WEIGHT;
    const used = owners(members).sort((a, b) => ((members[a] as Member).id < (members[b] as Member).id ? -1 : 1));
    const count = (index: number): number => Math.max(1, Math.round((members[index] as Member).weight * perWeight));
    const entries = new RingEntries(used.reduce((sum, index) => sum + count(index), 0));
    const hash: Hash64 = { hi: 0, lo: 0 };
    for (const index of used) {
      const key = keyBytes((members[index] as Member).hashKey);
      const buffer = new Uint8Array(key.length + 12);
      buffer.set(key);
      buffer[key.length] = 0x5f; // '_'
      const entriesOfMember = count(index);
      for (let i = 0; i < entriesOfMember; i++) {
        xxHash64(buffer, 0, writeDecimal(i, buffer, key.length + 1), 0, hash);
        entries.add(hash, index);
      }
    }
    return Ring.of(entries);
  },
  open: (tables) => Ring.open(tables),
};

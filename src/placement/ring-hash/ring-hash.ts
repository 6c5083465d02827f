/**
 * Envoy's ring hash (source/extensions/load_balancing_policies/ring_hash), entry for entry: the hash of
 * `<hashKey>_<i>`, as many entries a host as its weight asks for, the running sums carried over from host to host. The
 * outcome therefore depends on the order of the members, as Envoy's does on the order of its hosts; parity holds for
 * the same order on both sides.
 */
import { murmurHash2 } from '../hash/murmur2.ts';
import type { Hash64 } from '../hash/u64.ts';
import { xxHash64 } from '../hash/xxhash64.ts';
import { keyBytes, type Member, owners, type PlacementKind } from '../placement.ts';
import { Ring, RingEntries, writeDecimal } from '../ring.ts';
import { DEFAULT_MINIMUM_RING_SIZE, MAXIMUM_RING_SIZE, ringHashOptions } from './options.ts';

/** Room after the host's key for `_` and the digits of an entry's number. */
const SUFFIX_BYTES = 12;

export const ringHash: PlacementKind<typeof ringHashOptions> = {
  about: "Envoy's ring hash, bit for bit.",
  options: ringHashOptions,
  sizeOption: 'minimumRingSize',
  build(members, options) {
    const used = owners(members);
    const minimum = options.minimumRingSize ?? DEFAULT_MINIMUM_RING_SIZE;
    const maximum = options.maximumRingSize ?? MAXIMUM_RING_SIZE;
    const shares = normalizedWeights(members, used);
    const smallest = shares.reduce((least, share) => Math.min(least, share), 1);
    const scale = Math.min(Math.ceil(smallest * minimum) / smallest, maximum);
    const entries = new RingEntries(used.length === 0 ? 0 : Math.ceil(scale) + used.length);
    const hash: Hash64 = { hi: 0, lo: 0 };
    let current = 0;
    let target = 0;
    used.forEach((index, place) => {
      target += scale * (shares[place] as number);
      const key = keyBytes((members[index] as Member).hashKey);
      const buffer = new Uint8Array(key.length + SUFFIX_BYTES);
      buffer.set(key);
      buffer[key.length] = 0x5f; // '_'
      for (let i = 0; current < target; i++, current++) {
        const end = writeDecimal(i, buffer, key.length + 1);
        if (options.hashFunction === 'murmurHash2') murmurHash2(buffer, 0, end, hash);
        else xxHash64(buffer, 0, end, 0, hash);
        entries.add(hash, index);
      }
    });
    return Ring.of(entries);
  },
  open: (tables) => Ring.open(tables),
};

function normalizedWeights(members: readonly Member[], used: readonly number[]): number[] {
  let total = 0;
  for (const index of used) total += (members[index] as Member).weight;
  return used.map((index) => (members[index] as Member).weight / total);
}

import { describe, expect, it } from 'vitest';
import { keyBytes, type Member } from '../placement.ts';
import type { Ring } from '../ring.ts';
import { ringHash } from './ring-hash.ts';

const members = (weights: readonly number[]): Member[] =>
  weights.map((weight, i) => ({ id: `s${i}`, hashKey: `127.0.0.1:${90 + i}`, weight }));

describe('ring hash', () => {
  it("has the entries of Envoy's own test, in their order", () => {
    const ring = ringHash.build(members([1, 1, 1, 1, 1, 1]), { minimumRingSize: 12 }) as Ring;
    expect([...ring.entries()].map(({ hash, owner }) => [90 + owner, hash])).toEqual([
      [94, 833437586790550860n],
      [92, 928266305478181108n],
      [90, 1033482794131418490n],
      [95, 3551244743356806947n],
      [93, 3851675632748031481n],
      [91, 5583722120771150861n],
      [91, 6311230543546372928n],
      [93, 7700377290971790572n],
      [95, 13144177310400110813n],
      [92, 13444792449719432967n],
      [94, 15516499411664133160n],
      [90, 16117243373044804889n],
    ]);
  });

  it('gives a shard entries in proportion to its weight', () => {
    const ring = ringHash.build(members([1, 2, 5]), { minimumRingSize: 800 }) as Ring;
    const counts = [0, 0, 0];
    for (const { owner } of ring.entries()) counts[owner] = (counts[owner] as number) + 1;
    expect(counts).toEqual([100, 200, 500]);
  });

  it('never grows beyond its maximum', () => {
    const ring = ringHash.build(members([1, 1000]), { minimumRingSize: 1024, maximumRingSize: 2048 }) as Ring;
    expect([...ring.entries()].length).toBeLessThanOrEqual(2048);
  });

  it('finds the owner that a search of all entries finds', () => {
    const ring = ringHash.build(members([3, 1, 2]), { minimumRingSize: 50 }) as Ring;
    const entries = [...ring.entries()];
    const hash = { hi: 0, lo: 0 };
    for (let i = 0; i < 2000; i++) {
      const key = keyBytes(`key-${i}`);
      ring.hash(key, 0, key.length, hash);
      const at = (BigInt(hash.hi >>> 0) << 32n) | BigInt(hash.lo >>> 0);
      const found = entries.find((entry) => entry.hash >= at) ?? entries[0];
      expect(ring.locate(key, 0, key.length)).toBe(found?.owner);
    }
  });

  it('takes MurmurHash2 for the entries and xxHash64 for the keys, as Envoy does', () => {
    const murmur = ringHash.build(members([1, 1]), { minimumRingSize: 4, hashFunction: 'murmurHash2' }) as Ring;
    // std::hash of "127.0.0.1:90_0", see hashes.spec.ts.
    expect([...murmur.entries()]).toContainEqual({ hash: 5656417760668758976n, owner: 0 });
  });
});

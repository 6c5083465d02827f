import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { keyBytes, type PlacementName } from '../placement/index.ts';
import { Cluster } from './cluster.ts';
import type { ClusterDescription, Shard } from './cluster-description.ts';
import { diff, losingShards } from './diff.ts';

const OPTIONS: Readonly<Record<PlacementName, Record<string, unknown>>> = {
  ringHash: { minimumRingSize: 64 },
  maglev: { tableSize: 251 },
  fixedRing: { entriesPerWeight: 16 },
  ketama: {},
  slots: {},
};
const shard = (n: number, weight = 1): Shard => ({ id: `s${n}`, address: `10.0.0.${n}:80`, weight });

function clusterOf(placement: PlacementName, shards: readonly Shard[], options = OPTIONS[placement]): Cluster {
  const description: ClusterDescription = { name: 'c', placement: { name: placement, options }, hashOn: 'id', shards };
  return new Cluster(description);
}

function ownerOf(cluster: Cluster, key: Uint8Array): string | null {
  return cluster.shards[cluster.locate(key, 0, key.length)]?.id ?? null;
}

const anyShards = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5 })), {
    selector: ([n]) => n,
    minLength: 1,
    maxLength: 12,
  })
  .map((list) => list.map(([n, weight]) => shard(n, weight)));
const anyPlacement = fc.constantFrom<PlacementName>('ringHash', 'maglev', 'fixedRing', 'ketama', 'slots');
const keys = Array.from({ length: 200 }, (_, i) => keyBytes(`project/${i}`));

/** The point of the hash space that a key comes to; Maglev's is the remainder. */
function pointOf(placement: PlacementName, cluster: Cluster, key: Uint8Array): bigint {
  const hash = cluster.hash(key);
  return placement === 'maglev' ? hash % 251n : hash;
}

describe('the difference of two versions', () => {
  it('is exactly the keys whose owner changes, as a predicate and as ranges', () => {
    fc.assert(
      fc.property(anyPlacement, anyShards, anyShards, (placement, first, second) => {
        const [before, after] = [clusterOf(placement, first), clusterOf(placement, second)];
        const difference = diff(before, after);
        for (const key of keys) {
          const [from, to] = [ownerOf(before, key), ownerOf(after, key)];
          const at = pointOf(placement, before, key);
          const range = difference.ranges?.find((each) => each.first <= at && at <= each.last);
          expect(difference.moves(key, 0, key.length)).toBe(from !== to);
          expect(range && [range.from, range.to]).toEqual(from === to ? undefined : [from, to]);
        }
      }),
    );
  });

  it('has ranges that are in order, apart, joined, and make up the shares', () => {
    fc.assert(
      fc.property(anyPlacement, anyShards, anyShards, (placement, first, second) => {
        const [before, after] = [clusterOf(placement, first), clusterOf(placement, second)];
        const { ranges, flows, moved } = diff(before, after);
        let previous = { last: -1n, from: '' as string | null, to: '' as string | null };
        let points = 0n;
        for (const range of ranges ?? []) {
          expect(range.first).toBeGreaterThan(previous.last);
          expect(range.last).toBeGreaterThanOrEqual(range.first);
          const alike = previous.from === range.from && previous.to === range.to;
          if (range.first === previous.last + 1n) expect(alike).toBe(false);
          points += range.last - range.first + 1n;
          previous = range;
        }
        expect(moved).toBeCloseTo(Number(points) / before.partition().size, 9);
        expect(moved).toBeLessThanOrEqual(1 + 1e-9);
        expect(flows.every(({ from, to, share }) => from !== to && share > 0)).toBe(true);
      }),
    );
  });

  it('is nothing where nothing has changed', () => {
    fc.assert(
      fc.property(anyPlacement, anyShards, (placement, shards) => {
        const same = diff(clusterOf(placement, shards), clusterOf(placement, shards));
        expect(same).toMatchObject({ ranges: [], flows: [], moved: 0 });
      }),
    );
  });

  it('is only what a newcomer takes, on a ring of fixed entries', () => {
    const shards = Array.from({ length: 9 }, (_, i) => shard(i + 1));
    const joined = diff(clusterOf('fixedRing', shards), clusterOf('fixedRing', [...shards, shard(10)]));
    expect(new Set(joined.flows.map(({ to }) => to))).toEqual(new Set(['s10']));
    expect(joined.moved).toBeGreaterThan(0.03);
    expect(joined.moved).toBeLessThan(0.2);
  });

  it('moves no key if only an address changes and ids are hashed', () => {
    const shards = [shard(1), shard(2), shard(3)];
    const moved = shards.map((each) => ({ ...each, address: `10.9.9.9:${each.id.slice(1)}` }));
    expect(diff(clusterOf('maglev', shards), clusterOf('maglev', moved)).moved).toBe(0);
  });

  it('of two placements is a predicate and an estimate, for they share no hash space', () => {
    const shards = [shard(1), shard(2)];
    const [ring, slots] = [clusterOf('fixedRing', shards), clusterOf('slots', shards)];
    const difference = diff(ring, slots);
    expect(difference.ranges).toBeNull();
    expect(difference.moved).toBeGreaterThan(0.3);
    expect(difference.moved).toBeLessThan(0.7);
    for (const key of keys)
      expect(difference.moves(key, 0, key.length)).toBe(ownerOf(ring, key) !== ownerOf(slots, key));
  });
});

it('reports pins that change, and moves their keys', () => {
  const [a, b] = [shard(1), shard(2)];
  const description = (pins: ClusterDescription['pins']): ClusterDescription => ({
    name: 'c',
    placement: { name: 'slots', options: {} },
    hashOn: 'id',
    shards: [a, b],
    pins,
  });
  const before = new Cluster(description([{ prefix: 'old/', shard: 's1' }]));
  const after = new Cluster(description([{ key: 'new', shard: 's2' }]));
  const { pins, ranges, moves } = diff(before, after);
  expect(pins).toEqual([
    { pin: 'prefix old/', from: 's1', to: null },
    { pin: 'key new', from: null, to: 's2' },
  ]);
  expect(ranges).toEqual([]);
  for (const key of ['old/a', 'old/b', 'new', 'new/a'].map(keyBytes))
    expect(moves(key, 0, key.length)).toBe(ownerOf(before, key) !== ownerOf(after, key));
});

it('looks no key up to find which shards lose something, be they placed in another way: that is asked at each version', () => {
  const shards = [shard(1), shard(2)];
  const description = (name: PlacementName): ClusterDescription => {
    return { name: 'c', placement: { name, options: OPTIONS[name] }, hashOn: 'id', shards };
  };
  const locate = vi.spyOn(Cluster.prototype, 'locate');
  expect(losingShards(description('ringHash'), description('maglev'))).toEqual(['s1', 's2']);
  expect(locate).not.toHaveBeenCalled();
  locate.mockRestore();
});

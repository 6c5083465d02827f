import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type PlacementName, placementKinds } from '../placement/index.ts';
import { Cluster } from './cluster.ts';
import { sharesOf } from './shares.ts';

const clusterOf = (name: PlacementName, weights: readonly number[]): Cluster =>
  new Cluster({
    name: 'c',
    placement: { name, options: {} },
    hashOn: 'id',
    shards: weights.map((weight, i) => ({ id: `s${i}`, address: `10.0.0.${i}:80`, weight })),
  });

it('gives every shard its part, and all of them the whole', () => {
  const names = Object.keys(placementKinds) as PlacementName[];
  const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...names), weights, (name, list) => {
      const shares = [...sharesOf(clusterOf(name, list)).values()];
      expect(shares).toHaveLength(list.length);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    }),
    { numRuns: 50 },
  );
});

it('follows the weights', () => {
  const shares = sharesOf(clusterOf('fixedRing', [1, 3]));
  expect(shares.get('s1')).toBeGreaterThan(0.68);
  expect(shares.get('s1')).toBeLessThan(0.82);
  expect([...sharesOf(clusterOf('slots', [1, 1])).values()]).toEqual([0.5, 0.5]);
});

import { expect, it } from 'vitest';
import { checkTopology, type Topology } from '../topology/index.ts';
import { StoreToken } from './store-token.ts';

function version(number: number, shards: readonly string[]): Topology {
  const list = shards.map((id, i) => ({ id, address: `10.0.0.${i}:1` }));
  const document = { cluster: 'docs', placement: { fixedRing: {} }, hashOn: 'id', shards: list };
  return { ...checkTopology(document, 'the test'), version: number } as Topology;
}

it('grows when its shard gains keys, or registers again, and not when it loses some or nothing of it changes', () => {
  const token = new StoreToken('s0');
  expect(token.valueAt(5)).toBe(0);
  token.onVersion(version(3, ['s0', 's1', 's2']));
  const first = token.valueAt(5);
  expect(token.valueAt(6)).toBeGreaterThan(first);
  token.onVersion(version(4, ['s0', 's1', 's2', 's3']));
  expect(token.valueAt(5)).toBe(first);
  token.onVersion(version(5, ['s0', 's1', 's2']));
  expect(token.valueAt(5)).toBeGreaterThan(first);
});

it('is larger for the later of two owners of a key, whichever registered first', () => {
  const [before, after] = [new StoreToken('s0'), new StoreToken('s1')];
  before.onVersion(version(1, ['s0']));
  after.onVersion(version(1, ['s0']));
  after.onVersion(version(2, ['s0', 's1']));
  expect(after.valueAt(1)).toBeGreaterThan(before.valueAt(1_000_000));
  expect(Number.isSafeInteger(after.valueAt(1_000_000))).toBe(true);
});

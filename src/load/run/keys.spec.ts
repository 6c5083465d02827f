import { expect, it } from 'vitest';
import { seeded } from '../seeded.ts';
import { type KeyDistribution, KeySpace, keyPicker } from './keys.ts';

function counts(distribution: KeyDistribution, size: number, picks: number): number[] {
  const pick = keyPicker(distribution, size, seeded(1));
  const found = new Array<number>(size).fill(0);
  for (let i = 0; i < picks; i++) {
    const index = pick();
    found[index] = (found[index] as number) + 1;
  }
  return found;
}

it('names projects and documents, each once', () => {
  const keys = KeySpace.of(3, 4);
  const all = Array.from({ length: keys.size }, (_, i) => keys.at(i));
  expect(new Set(all.map(({ key }) => key)).size).toBe(12);
  expect(all[5]).toEqual({ key: 'project-1/document-1', project: 'project-1', document: 'document-1' });
});

it('takes keys from a list as they are', () => {
  const keys = KeySpace.listed(['a/b/c', 'alone']);
  expect([keys.at(0), keys.at(1)]).toEqual([
    { key: 'a/b/c', project: 'a', document: 'b/c' },
    { key: 'alone', project: 'alone', document: '' },
  ]);
});

it('picks all keys alike, or one after the other', () => {
  for (const count of counts({ kind: 'uniform' }, 10, 100_000)) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  expect(counts({ kind: 'sequential' }, 10, 25)).toEqual([3, 3, 3, 3, 3, 2, 2, 2, 2, 2]);
});

it('picks the n-th key in proportion to 1/n^exponent', () => {
  const found = counts({ kind: 'zipf', exponent: 1 }, 100, 200_000);
  const harmonic = Array.from({ length: 100 }, (_, i) => 1 / (i + 1)).reduce((sum, each) => sum + each, 0);
  for (const n of [1, 2, 10, 100]) {
    const expected = 200_000 / n / harmonic;
    expect(Math.abs((found[n - 1] as number) - expected)).toBeLessThan(6 * Math.sqrt(expected));
  }
});

it('picks a share of the requests from a share of the keys', () => {
  const found = counts({ kind: 'hot', requests: 0.9, keys: 0.01 }, 1000, 100_000);
  const hot = found.slice(0, 10).reduce((sum, each) => sum + each, 0);
  expect(Math.abs(hot - 90_000)).toBeLessThan(1000);
  expect(Math.min(...found.slice(10))).toBeGreaterThan(0);
  expect(counts({ kind: 'hot', requests: 0.5, keys: 1 }, 4, 100).reduce((sum, each) => sum + each, 0)).toBe(100);
});

import { expect, it } from 'vitest';
import { clientConnectionsIn, openFileLimit } from './open-files.ts';

it('knows how many files this process may open', () => {
  expect(openFileLimit()).toBeGreaterThan(100);
});

it('leaves a quarter of the descriptors for shards', () => {
  expect(clientConnectionsIn(1024)).toBe(720);
  expect(clientConnectionsIn(10)).toBe(1);
  expect(clientConnectionsIn(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

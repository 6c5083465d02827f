import { expect, it } from 'vitest';
import { clientConnectionsIn, openFileLimit } from './open-files.ts';

it('knows how many files this process may open', () => {
  expect(openFileLimit()).toBeGreaterThan(100);
});

it('leaves as many descriptors for shards as for clients', () => {
  expect(clientConnectionsIn(1024)).toBe(480);
  expect(clientConnectionsIn(10)).toBe(1);
  expect(clientConnectionsIn(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

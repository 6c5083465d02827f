import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

it('lets each name its burst through, and then its rate', () => {
  const limit = new RateLimit({ by: 'key', perSecond: 10, burst: 3 });
  const take = (name: string, atMs: number, times: number): number =>
    Array.from({ length: times }, () => limit.take(name, atMs)).filter(Boolean).length;
  expect(take('a', 0, 10)).toBe(3);
  expect(take('b', 0, 10)).toBe(3);
  expect(take('a', 100, 10)).toBe(1);
  expect(take('a', 1100, 30)).toBe(3);
});

it('keeps the most recently used names, however many there are', () => {
  const limit = new RateLimit({ by: 'client', perSecond: 0.001, burst: 1 });
  expect(limit.take('busy', 0)).toBe(true);
  for (let i = 0; i < 200_000; i++) {
    limit.take(`flood-${i}`, 0);
    if (i % 1000 === 0) expect(limit.take('busy', 0)).toBe(false);
  }
  // The first of the flood has been forgotten, and may begin again.
  expect(limit.take('flood-0', 0)).toBe(true);
});

import { expect, it } from 'vitest';
import { Pauses } from './pauses.ts';

it('puts the times of slow requests together where they overlap', () => {
  const pauses = new Pauses(100);
  pauses.take(0, 100, 1);
  pauses.take(50, 150, 1);
  pauses.take(500, 200, 2);
  pauses.take(600, 150, 3);
  pauses.take(640, 150, 3);
  expect(pauses.all).toEqual([
    { fromMs: 50, lastsMs: 150, requests: 1, keys: 1 },
    { fromMs: 500, lastsMs: 290, requests: 3, keys: 2 },
  ]);
});

it('joins earlier pauses that one long request spans', () => {
  const pauses = new Pauses(10);
  pauses.take(0, 20, 1);
  pauses.take(100, 20, 1);
  pauses.take(10, 200, 2);
  expect(pauses.all).toEqual([{ fromMs: 0, lastsMs: 210, requests: 3, keys: 2 }]);
});

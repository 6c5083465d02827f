import { expect, it } from 'vitest';
import type { Wave } from '../registry/index.ts';
import type { TopologyVersion } from '../topology/index.ts';
import { narrowed, waveAfter } from './waves.ts';

function wave(from: number, to: number, streams: number | null = null, round = 0): Wave {
  return { since: 2 as TopologyVersion, number: 1, from, to, narrowed: round, streams };
}
const moving = (cursor: number) => ({ since: 2, cursor, rest: [] });

it('divides a change by the number of streams that move', () => {
  expect(narrowed(wave(0, 1), 10_000, 1000)).toMatchObject({ from: 0, to: 0.1, narrowed: 1 });
  expect(narrowed(wave(0.5, 1), 2000, 1000)).toMatchObject({ from: 0.5, to: 0.75 });
});

it('leaves a change whole that moves few streams, and a wave as it is that has little too many', () => {
  expect(narrowed(wave(0, 1), 1000, 1000)).toBeNull();
  expect(narrowed(wave(0, 1), 1400, 1000)).toBeNull();
});

it('gives up on a key that has more streams than a wave', () => {
  expect(narrowed(wave(0, 0.01, null, 3), 50_000, 1000)).toBeNull();
  expect(narrowed(wave(0, 2 ** -12), 50_000, 1000)).toBeNull();
});

function after(last: Wave | undefined, cursor: number, retries = 0, mayHold = true): Wave {
  return waveAfter({ wave: last, retries }, moving(cursor), 1000, mayHold);
}

it('has the next wave move as many streams as it may by what the one before it moved', () => {
  expect(after(wave(0, 0.1, 500), 0.1)).toMatchObject({ number: 2, from: 0.1, to: 0.1 + 0.2 });
  expect(after(wave(0, 0.1, 2000), 0.1).to).toBeCloseTo(0.15);
  expect(after(wave(0, 0.1, 0), 0.1).to).toBeCloseTo(0.5);
  expect(after(wave(0, 0.1, 1_000_000), 0.1).to).toBeCloseTo(0.125);
});

it('ends with a wave that takes a small rest along', () => {
  expect(after(wave(0.7, 0.8, 1000), 0.8).to).toBeCloseTo(0.9);
  expect(after(wave(0.7, 0.8, 1000), 0.89).to).toBe(1);
});

it('starts to count again if another change came in between', () => {
  expect(after(undefined, 0.4)).toMatchObject({ number: 1, from: 0.4, to: 1 });
  expect(after({ ...wave(0, 1, 10), since: 9 as TopologyVersion }, 0.4)).toMatchObject({ to: 1 });
});

it('holds the next wave at once behind one that was held at once and moved about as many streams as it may', () => {
  const expected: Wave = { ...wave(0, 0.1, 900), heldAtOnce: true };
  expect(after(expected, 0.1)).toMatchObject({ to: 0.1 + 0.1 / 0.9, heldAtOnce: true });
  const others = [
    after(wave(0, 0.1, 900), 0.1),
    after({ ...expected, streams: 500 }, 0.1),
    after({ ...expected, streams: null }, 0.1),
    after({ ...expected, since: 9 as TopologyVersion }, 0.1),
    after(expected, 0.1, 1),
    after(expected, 0.1, 0, false),
  ];
  expect(others.map(({ heldAtOnce }) => heldAtOnce)).toEqual(others.map(() => undefined));
});

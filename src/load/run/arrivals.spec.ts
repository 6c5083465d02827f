import { expect, it } from 'vitest';
import { seeded } from '../seeded.ts';
import { Arrivals, type Rate, rateAt } from './arrivals.ts';

/** How many come in each of ten parts of ten seconds. */
function counted(rate: Rate, spread: 'even' | 'poisson'): number[] {
  const arrivals = new Arrivals(rate, spread, 10_000, seeded(3));
  const parts = new Array<number>(10).fill(0);
  for (let due = arrivals.take(); due < 10_000; due = arrivals.take()) {
    const part = Math.floor(due / 1000);
    parts[part] = (parts[part] as number) + 1;
  }
  return parts;
}

it('comes evenly, so many a second', () => {
  expect(counted({ kind: 'constant', perSecond: 200 }, 'even')).toEqual(new Array(10).fill(200));
});

it('comes as people do, in the mean so many a second, with a variance that is as large', () => {
  const parts = counted({ kind: 'constant', perSecond: 1000 }, 'poisson');
  for (const count of parts) expect(Math.abs(count - 1000)).toBeLessThan(6 * Math.sqrt(1000));
  expect(new Set(parts).size).toBeGreaterThan(5);
});

it('rises, or goes by steps', () => {
  const ramp = counted({ kind: 'ramp', from: 0, to: 1000 }, 'even');
  for (const [i, count] of ramp.entries()) expect(Math.abs(count - (100 * i + 50))).toBeLessThan(15);
  const fall = counted({ kind: 'ramp', from: 1000, to: 0 }, 'even');
  expect(fall.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(4990);
  const steps: Rate = { kind: 'steps', perSecond: [100, 300] };
  const stepped = counted(steps, 'even');
  expect(stepped.slice(0, 5)).toEqual(new Array(5).fill(100));
  for (const count of stepped.slice(5)) expect(Math.abs(count - 300)).toBeLessThan(3);
  expect([rateAt(steps, 0, 10), rateAt(steps, 5, 10), rateAt(steps, 10, 10)]).toEqual([100, 300, 300]);
});

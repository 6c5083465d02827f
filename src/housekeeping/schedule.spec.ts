import { expect, it } from 'vitest';
import { checkCron, firstTurn, nextTurn, retryTurn } from './schedule.ts';

const half = (): number => 0.5;

it('takes jitter off the interval, so that the interval is the longest between two turns', () => {
  const schedule = { everyMs: 1000, jitter: 0.2 };
  expect(nextTurn(schedule, 5000, 5010, () => 0)).toBe(6000);
  expect(nextTurn(schedule, 5000, 5010, half)).toBe(5900);
  expect(nextTurn(schedule, 5000, 5010, () => 1)).toBe(5800);
});

it('catches up turns that were missed once', () => {
  const schedule = { everyMs: 1000, jitter: 0 };
  const caughtUp = nextTurn(schedule, 5000, 60_000, half);
  expect(caughtUp).toBe(60_000);
  expect(nextTurn(schedule, caughtUp, 60_005, half)).toBe(61_000);
});

it('begins what was never carried out within an interval, at a random moment', () => {
  const schedule = { everyMs: 1000, jitter: 0.2 };
  expect(firstTurn(schedule, 5000, () => 0)).toBe(5000);
  expect(firstTurn(schedule, 5000, half)).toBe(5500);
});

it('follows cron in UTC, whatever it has missed', () => {
  const schedule = { cron: '30 3 * * *' };
  const at = Date.UTC(2026, 0, 5, 12);
  expect(nextTurn(schedule, Date.UTC(2026, 0, 1), at, half)).toBe(Date.UTC(2026, 0, 6, 3, 30));
  expect(firstTurn(schedule, at, half)).toBe(Date.UTC(2026, 0, 6, 3, 30));
});

it('waits twice as long after each failure, but never longer than until the next turn', () => {
  const schedule = { everyMs: 10_000, jitter: 0 };
  const waits = [1, 2, 3, 4, 5, 6].map((failures) => retryTurn(schedule, failures, 0, () => 1));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  expect(retryTurn(schedule, 1, 0, () => 0)).toBe(500);
});

it('says what is wrong with a pattern', () => {
  expect(() => checkCron('every day')).toThrow(/five, six, or seven/);
  expect(() => checkCron('0 0 30 2 *')).toThrow('it never occurs');
});

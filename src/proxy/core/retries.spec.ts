import { expect, it } from 'vitest';
import { RetryBudget, retryWaitMs } from './retries.ts';

it('lets a thousand repetitions through at once, and then one for five requests', () => {
  const budget = new RetryBudget();
  let taken = 0;
  while (budget.take()) taken++;
  expect(taken).toBe(1000);
  for (let i = 0; i < 4; i++) budget.earn();
  expect(budget.take()).toBe(false);
  for (let i = 0; i < 2; i++) budget.earn();
  expect(budget.take()).toBe(true);
  expect(budget.take()).toBe(false);
});

it('repeats at once, and then waits twice as long each time, up to a bound, give or take half', () => {
  expect(retryWaitMs(1, () => 0.5)).toBe(0);
  expect([2, 3, 4, 5].map((attempt) => retryWaitMs(attempt, () => 0.5))).toEqual([25, 50, 100, 200]);
  expect(retryWaitMs(2, () => 0)).toBe(12.5);
  expect(retryWaitMs(30, () => 0.999)).toBeLessThan(1500);
});

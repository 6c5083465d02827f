import { expect, it } from 'vitest';
import { ejectOutliers, OwnerHealth, type PassiveHealthDescription } from './owner-health.ts';

const PASSIVE: PassiveHealthDescription = { consecutiveFailures: 3, ejectionMs: 1000, maxEjectionMs: 2500 };

/** Chance that spreads nothing. */
const middle = (): number => 0.5;

function newHealth(passive: PassiveHealthDescription | null = PASSIVE) {
  const logged: string[] = [];
  return { logged, health: new OwnerHealth(passive, middle, (reason) => logged.push(reason)) };
}

function fail(health: OwnerHealth, times: number, nowMs: number): void {
  for (let i = 0; i < times; i++) health.onOutcome(true, nowMs);
}

it('ejects a shard for a time after the allowed number of failures in a row', () => {
  const { health, logged } = newHealth();
  fail(health, 2, 0);
  health.onOutcome(false, 0);
  fail(health, 2, 0);
  expect(health.faultAt(0)).toBe(null);
  fail(health, 1, 0);
  expect(health.faultAt(999)).toMatch(/ejected for 1000 ms, because it failed 3 times in a row/);
  expect(health.faultAt(1000)).toBe(null);
  expect(logged).toHaveLength(1);
});

it('ejects for longer each time, up to the longest, and for less again after a good spell', () => {
  const { health } = newHealth();
  const until = (nowMs: number): number => {
    fail(health, 3, nowMs);
    let lasts = 0;
    while (health.faultAt(nowMs + lasts) !== null) lasts += 100;
    return lasts;
  };
  expect([until(0), until(10_000), until(20_000)]).toEqual([1000, 2000, 2500]);
  health.takeSuccessRate(1);
  health.takeSuccessRate(1);
  health.takeSuccessRate(1);
  expect(until(30_000)).toBe(2000);
});

it('considers a shard unhealthy while its own checks find a fault, whatever happens to requests', () => {
  const { health } = newHealth(null);
  health.onCheck('it answers 500');
  health.onOutcome(false, 0);
  expect(health.faultAt(0)).toBe('it answers 500');
  health.onCheck(null);
  fail(health, 100, 0);
  expect(health.faultAt(0)).toBe(null);
});

it('ejects the one that succeeds far less often than the others, where there are enough to tell', () => {
  const passive = {
    ...PASSIVE,
    consecutiveFailures: 0,
    successRate: { minimumRequests: 10, standardDeviations: 1.5, intervalMs: 1000 },
  };
  const unhealthy = (count: number): boolean[] => {
    const healths = Array.from({ length: count }, () => newHealth(passive).health);
    healths.forEach((health, at) => {
      for (let i = 0; i < 20; i++) health.onOutcome(at === 0 && i % 2 === 0, 0);
    });
    ejectOutliers(healths, passive, 0);
    return healths.map((health) => health.faultAt(0) !== null);
  };
  expect(unhealthy(5)).toEqual([true, false, false, false, false]);
  expect(unhealthy(2)).toEqual([false, false]);
});

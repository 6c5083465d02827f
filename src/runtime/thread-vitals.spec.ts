import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { VitalsMonitor } from './thread-vitals.ts';

/** Occupies the thread for this long, by the clock. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

it('reports how late the event loop has been since the last report', async () => {
  const monitor = new VitalsMonitor();
  // The delay is looked at ten times a second, and two looks are needed to tell it.
  await new Promise((resolve) => setTimeout(resolve, 250));
  block(400);
  await new Promise((resolve) => setTimeout(resolve, 250));
  const { loop, busySeconds } = monitor.read();
  expect(loop?.lag.maxSeconds).toBeGreaterThan(0.1);
  expect(loop?.lag.maxSeconds).toBeGreaterThanOrEqual(loop?.lag.meanSeconds ?? Number.NaN);
  expect(busySeconds).toBeGreaterThan(0.4);
  expect(monitor.read().loop?.lag).toEqual({ meanSeconds: 0, p99Seconds: 0, maxSeconds: 0 });
});

it('counts collections of garbage by kind', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const monitor = new VitalsMonitor();
  const majors = (): number => monitor.read().loop?.collections.major?.count ?? 0;
  collect();
  while (majors() === 0) await setImmediate();
  expect(monitor.read().loop?.collections.major?.seconds).toBeGreaterThan(0);
  expect(monitor.read().heapUsedBytes).toBeGreaterThan(1e6);
});

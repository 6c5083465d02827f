import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Grant } from './grant.ts';

const LENGTH = 1000;

it('never lets a backend serve for longer than it says, however long its answers and its calls are on their way', () => {
  const step = fc.record({ to: fc.integer({ max: 3000, min: 0 }), back: fc.integer({ max: 3000, min: 0 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), fc.integer({ min: 0, max: 1e9 }), (steps, origin) => {
      const grant = new Grant(LENGTH);
      // The backend's clock is ours plus its origin.
      let nowMs = 5000;
      for (const { to, back } of steps) {
        const told = grant.extend(Number.POSITIVE_INFINITY, nowMs);
        // It stops when its clock says so, whenever it reads this.
        if (told !== 0) expect(told - origin).toBeLessThanOrEqual(grant.overAtMs);
        const readAt = nowMs + to;
        nowMs = readAt + back;
        grant.onAnswer(readAt + origin, nowMs);
      }
    }),
  );
});

it('lasts no longer than the lease, and is extended by answers alone', () => {
  const grant = new Grant(LENGTH);
  expect(grant.extend(10_000, 0)).toBe(0);
  grant.onAnswer(70, 100);
  expect(grant.extend(600, 100)).toBe(570);
  expect(grant.extend(10_000, 500)).toBe(1070);
  expect(grant.extend(10_000, 900)).toBe(1070);
  expect(grant.extend(10_000, 1100)).toBe(0);
  expect([grant.isOver(1100), grant.isOver(1200)]).toEqual([false, true]);
});

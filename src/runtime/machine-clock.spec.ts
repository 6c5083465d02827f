import { expect, it } from 'vitest';
import { clockOffset } from './machine-clock.ts';

it('is not misled by a halt between the readings of two clocks', () => {
  let nowMs = 5000;
  let readings = 0;
  // The machine halts this process for 30 ms before most readings of the other clock.
  const behind = (): number => {
    nowMs += readings++ % 5 === 3 ? 0 : 30;
    return nowMs - 1000;
  };
  expect(clockOffset(() => nowMs, behind)).toBe(1000);
});

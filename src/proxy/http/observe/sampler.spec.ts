import { expect, it } from 'vitest';
import { seeded } from '../../../../test/support/random.ts';
import { Sampler } from './sampler.ts';

it('picks its share, none or all of them', () => {
  const picked = (share: number): number => {
    const sampler = new Sampler(share, seeded(7));
    return Array.from({ length: 100_000 }, () => sampler.pick()).filter(Boolean).length;
  };
  expect(picked(0)).toBe(0);
  expect(picked(1)).toBe(100_000);
  // Five standard deviations of a binomial count.
  for (const share of [0.01, 0.3, 0.9]) {
    const deviation = Math.sqrt(100_000 * share * (1 - share));
    expect(Math.abs(picked(share) - 100_000 * share)).toBeLessThan(5 * deviation);
  }
});

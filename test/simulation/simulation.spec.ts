import { expect, it } from 'vitest';
import { outsidePromises, simulateMany } from './batch.ts';
import { planOf } from './plan.ts';
import { planted } from './planted/index.ts';
import { simulate } from './simulate.ts';
import { storyOf } from './story.ts';

/** As many runs as take some seconds; `npm run simulate` makes as many as one likes. */
const RUNS = 10;

it.each([
  'fencing',
  'plain',
  'mixed',
] as const)('does the same again by the same seed, with %s shards', async (shards) => {
  const [one, again] = await outsidePromises(() => [1, 2].map(() => simulate(planOf(23, { shards }))));
  expect(one?.trace).toBe(again?.trace);
  expect(one?.events).toBe(again?.events);
  const other = await outsidePromises(() => simulate(planOf(24, { shards })));
  expect(other.trace).not.toBe(one?.trace);
});

it('hands keys over through whatever happens', async () => {
  const { counts, broken } = await outsidePromises(() => simulateMany({ seed: 1, runs: RUNS }));
  expect(broken === null ? '' : await outsidePromises(() => storyOf(broken, null))).toBe('');
  expect(counts.changes).toBeGreaterThan(10 * RUNS);
  expect(counts.faults).toBeGreaterThan(RUNS);
});

/** `npm run simulate -- --planted all` looks for the others, too. */
it.each(planted.filter(({ isQuick }) => isQuick))('finds out where $name', async (each) => {
  const search = () => simulateMany({ seed: 1, runs: 10, shards: each.shards, planted: each });
  expect((await outsidePromises(search)).broken).not.toBeNull();
});

import { afterEach, expect, it } from 'vitest';
import { Scope } from '../../support/processes.ts';
import { runSeed } from '../../support/random.ts';
import { runHousekeepingChaos } from './chaos.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A short run; `npm run chaos:housekeeping` makes longer ones. `KEYWAY_SEED` replays one that failed. */
it('has every task of every project done in time, by one at a time, while leaders are killed and projects move', async () => {
  const seed = runSeed();
  const lines: string[] = [];
  const options = { seed, seconds: 25, store: 'embedded', faults: true } as const;
  const { judgement } = await runHousekeepingChaos(scope, options, (line) => lines.push(line)).catch((error: Error) => {
    throw new Error(`seed ${seed}: ${error.message}\n${lines.join('\n')}`, { cause: error });
  });
  const { violations, counts } = judgement;
  expect({ seed, lines, violations: violations.slice(0, 10) }).toEqual({ seed, lines, violations: [] });
  // A run in which nothing happened would show nothing.
  expect(counts.disturbances).toBeGreaterThan(0);
  expect(counts.done).toBeGreaterThan(1000);
  expect(counts.writes).toBeGreaterThan(1000);
  expect(counts.handedOver).toBeGreaterThan(10);
}, 240_000);

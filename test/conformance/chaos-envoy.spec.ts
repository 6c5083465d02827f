import { afterEach, expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { Scope } from '../support/processes.ts';
import { runSeed } from '../support/random.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** The same load, the same changes and the same checker: what it finds in one it would find in the other. */
it('finds that real Envoys split the brain at planned changes, where Keyway does not', async () => {
  const seed = runSeed();
  const rules = async (store: 'envoy' | 'embedded'): Promise<string[]> => {
    const options = { seed, seconds: 6, store, callers: 20, watchers: 40, thinkMs: 100, faults: false } as const;
    const { judgement } = await runChaos(scope, options, () => {});
    expect(judgement.counts.changes).toBeGreaterThan(2);
    return [...new Set(judgement.violations.map(({ rule }) => rule))];
  };
  expect(await rules('embedded')).toEqual([]);
  expect(await rules('envoy')).toEqual(expect.arrayContaining(['two shards at once', 'watchers see everything']));
}, 240_000);

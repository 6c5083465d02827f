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
    const replay = `KEYWAY_SEED=${seed} npm run conformance -- chaos-envoy`;
    const clients = { callers: 20, watchers: 40, thinkMs: 100, isVaried: false };
    const options = { seed, replay, seconds: 20, store, shards: 'fencing', faults: false, ...clients } as const;
    const { judgement } = await runChaos(scope, options, () => {});
    expect(judgement.counts.changes).toBeGreaterThan(2);
    return [...new Set(judgement.violations.map(({ rule }) => rule))];
  };
  expect(await rules('embedded')).toEqual([]);
  expect(await rules('envoy')).toEqual(expect.arrayContaining(['two processes at once', 'watchers see everything']));
}, 240_000);

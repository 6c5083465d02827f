import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { MadeClusters } from './made-clusters.ts';
import type { LeadingSettings } from './settings.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'cache' };
const HOW: LeadingSettings = {
  engine: 'redis',
  consistency: 'eventual',
  access: { login: null, certificates: null, timeoutMs: 100 },
  rules: { intervalMs: 5, failures: 3, longestLoadingMs: 60_000, maxMissingShare: 0.5 },
};

it('leads a cluster by its engine, another one where it was deleted and made again', async () => {
  const registry = registryOn((await sqlite(scope)).open(), scope);
  const made = new MadeClusters(registry);
  const stopping = new AbortController();
  const seen: string[] = [];
  const all = made.leadAll(
    HOW,
    [],
    async ({ engine }, signal) => {
      seen.push(`${engine} begins`);
      await new Promise((end) => signal.addEventListener('abort', end));
      seen.push(`${engine} ends`);
    },
    stopping.signal,
  );
  await registry.documents.put('led/default/cache', { engine: 'redis' }, 0);
  await vi.waitFor(() => expect(seen).toEqual(['redis begins']), PATIENCE);
  await registry.documents.commit([], [{ name: 'led/default/cache', value: { engine: 'kvrocks' } }]);
  await vi.waitFor(() => expect(seen).toEqual(['redis begins', 'redis ends', 'kvrocks begins']), PATIENCE);
  stopping.abort();
  await all;
  expect(seen.at(-1)).toBe('kvrocks ends');
  expect(await made.engineOf(NAME)).toBe('kvrocks');
});

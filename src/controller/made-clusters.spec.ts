import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { checkTopology } from '../topology/index.ts';
import { MadeClusters } from './made-clusters.ts';
import type { LeadingSettings } from './settings.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'cache' };
const HOW: LeadingSettings = {
  engine: 'redis',
  consistency: 'eventual',
  access: { login: null, certificates: null, timeoutMs: 100, patienceMs: 200 },
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

it('has a node be one of one cluster alone, however many are made of it at once', async () => {
  const registry = registryOn((await sqlite(scope)).open(), scope);
  const made = new MadeClusters(registry);
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  const added = ['one', 'two', 'three'].map((cluster) => made.add({ ...NAME, cluster }, 'redis', [a, b]));
  const outcomes = await Promise.allSettled(added);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  expect(refused).toEqual(Array(2).fill(expect.stringMatching(/already exists: the node a+ is one of default/)));
  expect(await registry.documents.list('led/')).toHaveLength(1);
});

it('takes for the nodes of a cluster those of its topology, once it has one', async () => {
  const registry = registryOn((await sqlite(scope)).open(), scope);
  const made = new MadeClusters(registry);
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  await made.add(NAME, 'redis', [a, b]);
  // The same request does it to the end.
  await made.add(NAME, 'redis', [a, b]);
  const shards = [{ id: 's0', address: 'a:1', nodeId: a, slots: '0-16383' }];
  await registry.topologies.commit(checkTopology({ ...NAME, placement: { slots: {} }, shards }, 'the test'));
  await made.add({ ...NAME, cluster: 'other' }, 'redis', [b]);
  await expect(made.add({ ...NAME, cluster: 'more' }, 'redis', [a])).rejects.toThrow('is one of default/cache');
});

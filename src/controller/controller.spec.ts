import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { runController } from './controller.ts';
import type { LedClusterSettings } from './settings.ts';

const scope = new Scope();
afterEach(() => scope.release());

const settings = (cluster: string): LedClusterSettings => ({
  name: { namespace: 'default', cluster },
  engine: 'redis',
  seeds: [],
  consistency: 'eventual',
  access: { login: null, certificates: null, timeoutMs: 100, patienceMs: 200 },
  rules: { intervalMs: 5, failures: 3, longestLoadingMs: 60_000, maxMissingShare: 0.5 },
});

it('resigns from a cluster that it fails to lead, says so, leads it again, and leads the others all the while', async () => {
  const registry = registryOn((await sqlite(scope)).open(), scope);
  const seen: string[] = [];
  const read = registry.topologies.read.bind(registry.topologies);
  let isBroken = true;
  vi.spyOn(registry.topologies, 'read').mockImplementation((name) => {
    if (!isBroken || name.cluster !== 'one') return read(name);
    isBroken = false;
    return Promise.reject(new Error('a fault of ours'));
  });
  const stopping = new AbortController();
  const ended = runController(
    registry,
    { clusters: [settings('one'), settings('two')], leaseMs: 60_000, api: null },
    { candidate: 'the test', clock, timeOfDayMs: Date.now, random: () => 0.5 },
    ({ name: { cluster } }) => ({
      onTerm: (leads) => seen.push(`${cluster} ${leads ? 'leads' : 'leads no more'}`),
      onFault: (message) => message.includes('a fault of ours') && seen.push(`${cluster} ${message}`),
      onCommitted: () => {},
      onTold: () => {},
      onEvent: () => {},
    }),
    stopping.signal,
  );
  const ofOne = (): string[] => seen.filter((each) => each.startsWith('one'));
  await vi.waitFor(() => expect(ofOne()).toHaveLength(4), PATIENCE);
  expect(ofOne()).toEqual([
    'one leads',
    'one leads no more',
    'one leading it has failed, and begins again: a fault of ours',
    'one leads',
  ]);
  expect(seen.filter((each) => each.startsWith('two'))).toEqual(['two leads']);
  stopping.abort();
  await ended;
});

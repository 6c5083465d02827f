import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../test/support/router-context.ts';
import { checkTopology, type SharedCluster, shareCluster, type TopologyVersion } from '../../topology/index.ts';
import { Clusters } from './clusters.ts';
import type { OpenRequest } from './open-request.ts';
import type { ClusterOwners, RoutedCluster } from './owner/cluster-owners.ts';
import type { Pool } from './owner/pool.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

const pool: Pool = {
  openConnections: 0,
  openStreams: 0,
  forget: () => {},
  forEachOpen: () => {},
  sweep: () => {},
  cut: () => {},
  destroy: () => {},
};

function tableOf(version: number, shard: string): SharedCluster {
  const topology = checkTopology(
    { namespace: 'default', cluster: 'docs', placement: { fixedRing: {} }, shards: [{ id: shard, address: 'a:1' }] },
    'the spec',
  );
  return shareCluster(topology, version as TopologyVersion);
}

const docs = (table: SharedCluster | null): RoutedCluster => ({ name: 'docs', upstream: { protocol: 'any' }, table });

/** Clusters of a thread with these requests, and the owners that families received. */
function clustersWith(open: readonly OpenRequest[] = []) {
  const published: ClusterOwners[] = [];
  const requests = {
    requests: () => open,
    visitSome: async (visit: (request: OpenRequest) => void) => open.forEach(visit),
  };
  const context = routerContext(() => 0);
  const clusters = new Clusters(context, { any: () => pool, another: () => pool }, requests, (owners) =>
    published.push(owners),
  );
  return { clusters, published, counters: context.counters };
}

it('notifies families of new owners, and not if nothing has changed', () => {
  const { clusters, published } = clustersWith();
  const [first, second] = [tableOf(1, 's0'), tableOf(2, 's1')];
  clusters.reconfigure([docs(first)], () => {});
  clusters.publish('docs', first, null);
  expect(published).toEqual([]);
  clusters.publish('docs', second, null);
  expect(published.map(({ version }) => version)).toEqual([2]);
  expect(clusters.ownersIn('docs')?.find('k')?.id).toBe('s1');
  clusters.stop();
});

it('has families route by another config while all of its owners can be found, and keeps those that are the same', () => {
  const { clusters } = clustersWith();
  const table = tableOf(1, 's0');
  clusters.reconfigure([docs(table)], () => {});
  const before = clusters.ownersIn('docs');
  const found: unknown[] = [];
  clusters.reconfigure([docs(table), { ...docs(null), name: 'more' }], () =>
    found.push(clusters.ownersIn('docs'), clusters.ownersIn('more')?.name),
  );
  expect(found[0]).toBe(before);
  expect(found[1]).toBe('more');
  clusters.stop();
});

it('knows a cluster that has gone until nothing is open to it any more', async () => {
  const { clusters } = clustersWith();
  clusters.reconfigure([docs(tableOf(1, 's0'))], () => {});
  clusters.reconfigure([], () => {});
  const gone = clusters.gone('docs');
  expect(clusters.ownersIn('docs')).toBeDefined();
  clusters.sweep(0);
  expect(await gone).toBe(true);
  expect(clusters.ownersIn('docs')).toBeUndefined();
  clusters.stop();
});

it('counts a shard as unhealthy by how it is reached now, and no longer by how it was before a reload', () => {
  const { clusters, counters } = clustersWith();
  const table = tableOf(1, 's0');
  const passiveHealth = { consecutiveFailures: 1, ejectionMs: 60_000, maxEjectionMs: 60_000 };
  const reachedBy = (protocol: string): RoutedCluster => ({ ...docs(table), upstream: { protocol, passiveHealth } });
  const unhealthy = (): number => {
    clusters.refreshCounters();
    return counters.shard('docs', 's0').unhealthy;
  };
  clusters.reconfigure([reachedBy('any')], () => {});
  clusters.ownersIn('docs')?.find('k')?.onOutcome(true);
  expect(unhealthy()).toBe(1);
  clusters.reconfigure([reachedBy('another')], () => {});
  expect(clusters.ownersIn('docs')?.find('k')?.id).toBe('s0');
  expect(unhealthy()).toBe(0);
  clusters.stop();
});

it('refuses a cluster whose shards speak a protocol of no family', () => {
  const { clusters } = clustersWith();
  const morse = { name: 'morse', upstream: { protocol: 'morse' }, table: null };
  expect(() => clusters.reconfigure([docs(null), morse], () => {})).toThrow('morse');
  expect(clusters.ownersIn('docs')).toBeUndefined();
  clusters.stop();
});

it('cuts a dead shard once in a handoff: it may be started again while that goes on', () => {
  const cut = vi.fn();
  const context = routerContext(() => 0);
  const none = { requests: () => [], visitSome: async () => {} };
  const clusters = new Clusters(context, { any: () => ({ ...pool, cut }) }, none, () => {});
  const [first, second] = [tableOf(1, 's0'), tableOf(2, 's1')];
  clusters.reconfigure([docs(first)], () => {});
  // Shards are looked up when they are needed.
  clusters.ownersIn('docs')?.find('k');
  const staged = {
    to: 2 as TopologyVersion,
    attempt: 1,
    watchesEnd: 'hold',
    shardsGiveUp: false,
    losing: ['s0'],
  } as const;
  const steps = ['stage', 'drain', 'hold', 'drain', 'hold'] as const;
  const cuts = steps.map((step) => {
    clusters.publish('docs', first, { ...staged, step, lost: ['s0'], table: second });
    return cut.mock.calls.length;
  });
  expect(cuts).toEqual([0, 1, 1, 1, 1]);
  clusters.publish('docs', first, { ...staged, to: 3 as TopologyVersion, step: 'drain', lost: ['s0'], table: second });
  expect(cut).toHaveBeenCalledTimes(2);
  clusters.stop();
});

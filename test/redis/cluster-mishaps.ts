import { expect } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import type { Scope } from '../support/processes.ts';
import { CountingClients } from './counting-clients.ts';
import { askNode, type ClusterNode, nodesOf, redisCli, startRedisCluster } from './redis-cluster.ts';

function startBefore(scope: Scope, nodes: readonly ClusterNode[]): Promise<RouterUnderTest> {
  return startRouter(scope, {
    shards: [],
    routes: [],
    upstream: { protocol: 'redis' },
    // The last node alone, a replica: the others are learnt from it.
    cluster: { discover: { redis: [`127.0.0.1:${nodes.at(-1)?.port}`], refresh: '200ms' }, waitForOwner: '20s' },
    listener: { redis: { cluster: 'docs' } },
  });
}

/** What clients that know of no cluster cannot do anything about. */
const LEAKS = /MOVED|\bASK\b|TRYAGAIN|CLUSTERDOWN|LOADING/;
/** What Redis acknowledges it passes on to replicas in the same turn: what is lost with a primary is younger. */
const UNREPLICATED_MS = 1000;

/** The words of the line of a slot's primary. */
async function primaryOf(port: number, slot: number): Promise<readonly string[]> {
  const owns = (range: string): boolean => {
    const [first = -1, last = first] = range.split('-').map(Number);
    return first <= slot && slot <= last;
  };
  const found = (await nodesOf(port)).find(
    ([, , flags = '', , , , , , ...ranges]) => flags.includes('master') && ranges.some(owns),
  );
  if (found === undefined) throw new Error(`slot ${slot} has no owner`);
  return found;
}

/**
 * A failover, a resharding and a rebalancing under load: clients hear of none of them, and nothing is lost by the router.
 * @param program of the servers
 */
export async function followMishaps(scope: Scope, program: string): Promise<void> {
  const nodes = await startRedisCluster(scope, { program });
  const router = await startBefore(scope, nodes);
  const checker = new CountingClients(scope, router.port, 6, 8);
  await checker.goesOn(10);

  // A primary is killed, and its replica takes over.
  const [killed, , { port: alive }] = nodes as [ClusterNode, ClusterNode, ClusterNode];
  const [killedId] = (await nodesOf(killed.port)).find(([, , flags]) => flags?.includes('myself')) ?? [];
  const ownerBefore = await Promise.all(checker.counters.map(({ key }) => primaryOf(alive, slotOfText(key))));
  const killedAt = performance.now();
  await killed.process.end('SIGKILL');
  await checker.goesOn(10);
  const failoverMs = performance.now() - killedAt;
  const failoverErrors = checker.errors.length;

  // Slots move, with what is in them, while somebody else is at work, too.
  const load = ['-p', String(router.port), ...'-t set,get -c 8 -r 2000 -n 5000 -l'.split(' ')];
  const benchmark = scope.run('redis-benchmark', load);
  const [source, target] = [(await primaryOf(alive, 0))[0], (await primaryOf(alive, 16383))[0]];
  const at = `127.0.0.1:${alive}`;
  const move = `--cluster-from ${source} --cluster-to ${target} --cluster-slots 300 --cluster-yes`;
  await redisCli('--cluster', 'reshard', at, ...move.split(' '));
  await checker.goesOn(10);
  await redisCli('--cluster', 'rebalance', at, '--cluster-threshold', '1');
  await checker.goesOn(10);
  expect(benchmark.output).not.toMatch(LEAKS);
  expect(benchmark.output).not.toContain('Error');
  await benchmark.end('SIGKILL');
  await checker.stop();

  // What was on its way to the primary that was killed, and nothing else.
  expect(checker.errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);
  expect(checker.errors.length).toBe(failoverErrors);
  let lost = 0;
  for (const [i, { key, acknowledgedAt, lostAt, unknown }] of checker.counters.entries()) {
    const [, place = ''] = await primaryOf(alive, slotOfText(key));
    const value = Number(textOf(await askNode(Number(/:(\d+)@/.exec(place)?.[1]), 'GET', key)));
    // Nothing was done twice, and nothing is gone: what is there was acknowledged, or its answer was lost.
    expect(value).toBeGreaterThanOrEqual(acknowledgedAt.size);
    expect(value).toBeLessThanOrEqual(acknowledgedAt.size + unknown);
    // Redis replicates asynchronously: what its primary had not passed on died with it, and with it alone.
    for (const time of lostAt) {
      expect(ownerBefore[i]?.[0]).toBe(killedId);
      expect(killedAt - time).toBeLessThan(UNREPLICATED_MS);
    }
    lost += lostAt.length;
  }
  console.info({ acknowledged: checker.acknowledged, errors: checker.errors.length, lost, failoverMs });
}

function slotOfText(key: string): number {
  return slotOf(Buffer.from(key), 0, key.length);
}

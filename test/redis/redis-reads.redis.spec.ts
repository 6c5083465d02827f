import { afterEach, expect, it } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { RespClient, textOf } from '../../src/resp/index.ts';
import { eventually, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { askNode, type ClusterNode, startRedisCluster } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);

/** How many GETs a server has carried out. */
async function getsAt({ port }: ClusterNode): Promise<number> {
  const stats = textOf(await askNode(port, 'INFO', 'commandstats')) ?? '';
  return Number(/^cmdstat_get:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}

it('reads from the replicas of a real cluster, and from their primaries once replicas are gone', async () => {
  const nodes = await startRedisCluster(scope, { primaries: 3, replicas: 1 });
  const router = await startRouter(scope, {
    shards: [],
    routes: [],
    upstream: { protocol: 'redis' },
    cluster: { discover: { redis: [`127.0.0.1:${nodes[0]?.port}`], refresh: '200ms' }, waitForOwner: '20s' },
    listener: { redis: { cluster: 'docs', reads: 'preferReplica' } },
  });
  const target = { host: '127.0.0.1', port: router.port };
  const client = await RespClient.connect({ target, certificates: null }, null, 30_000);
  scope.defer(() => client.close());
  for (const key of KEYS) expect(textOf(await client.ask(['SET', key, `of ${key}`]))).toBe('OK');
  expect(await client.ask(['WAIT', '1', '0'])).toEqual({ type: 'integer', value: 1 });
  const readsAll = async (): Promise<void> => {
    for (const key of KEYS) expect(textOf(await client.ask(['GET', key]))).toBe(`of ${key}`);
  };
  const [primaries, replicas] = [nodes.slice(0, 3), nodes.slice(3)];
  await eventually(async () => {
    await readsAll();
    return (await Promise.all(replicas.map(getsAt))).every((gets) => gets > 0);
  });
  for (const { port } of nodes) await askNode(port, 'CONFIG', 'RESETSTAT');
  await readsAll();
  const [byPrimaries, byReplicas] = await Promise.all(
    [primaries, replicas].map(async (all) => (await Promise.all(all.map(getsAt))).reduce((sum, each) => sum + each, 0)),
  );
  expect(byPrimaries).toBe(0);
  expect(byReplicas).toBe(KEYS.length);

  for (const replica of replicas) await replica.process.end('SIGKILL');
  await readsAll();
  const ofFirst = KEYS.filter((key) => slotOf(Buffer.from(key), 0, key.length) <= 5460);
  expect(await getsAt(primaries[0] as ClusterNode)).toBe(ofFirst.length);
});

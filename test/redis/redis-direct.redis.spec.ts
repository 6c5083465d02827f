import { createCluster } from '@redis/client';
import { Cluster } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { type ClusterNode, redisCli, startRedisCluster } from './redis-cluster.ts';
import { startRedis } from './redis-server.ts';

const scope = new Scope();
afterEach(() => scope.release());

function startBefore(nodes: readonly ClusterNode[], redis: object): Promise<RouterUnderTest> {
  return startRouter(scope, {
    shards: [],
    routes: [],
    upstream: { protocol: 'redis' },
    cluster: { discover: { redis: [`127.0.0.1:${nodes[0]?.port}`], refresh: '200ms' } },
    listener: { redis: { cluster: 'docs', ...redis } },
  });
}

const KEYS = Array.from({ length: 100 }, (_, i) => `key:${i}`);

async function servesIoredis(port: number): Promise<Cluster> {
  const client = new Cluster([{ host: '127.0.0.1', port }], { redisOptions: { maxRetriesPerRequest: 2 } });
  scope.defer(() => client.disconnect());
  await Promise.all(KEYS.map((key) => client.set(key, key)));
  expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS);
  return client;
}

async function servesNodeRedis(port: number): Promise<void> {
  const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }], RESP: 3 });
  client.on('error', () => {});
  await client.connect();
  scope.defer(() => client.destroy());
  expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS);
  expect(await client.multi().set('{t}a', '1').incr('{t}a').exec()).toEqual(['OK', 2]);
}

it('leads cluster clients to the servers: redis-cli -c and --cluster check, ioredis, node-redis', async () => {
  const nodes = await startRedisCluster(scope);
  const { port } = await startBefore(nodes, { mode: 'direct' });
  const client = await servesIoredis(port);
  const used = client.nodes('master').map(({ options }) => options.port);
  expect(used).toEqual(expect.arrayContaining(nodes.slice(0, 3).map((node) => node.port)));
  await servesNodeRedis(port);
  expect(await redisCli('-p', String(port), 'GET', 'key:1')).toMatch(/^MOVED \d+ 127\.0\.0\.1:\d+$/);
  expect(await redisCli('-c', '-p', String(port), 'GET', 'key:1')).toBe('key:1');
  expect(await redisCli('-c', '-3', '-p', String(port), 'GET', 'key:2')).toBe('key:2');
  const check = await redisCli('--cluster', 'check', `127.0.0.1:${port}`);
  expect(check).toContain('[OK] All nodes agree about slots configuration.');
  expect(check).toContain('[OK] All 16384 slots covered.');
});

it('leads cluster clients to the routers, over as many connections as are announced', async () => {
  const servers = await Promise.all([startRedis(scope), startRedis(scope)]);
  const [first = 0, second = 0, admin = 0] = await freePorts(3);
  const announce = [first, second].map((port) => `127.0.0.1:${port}`);
  const redis = { cluster: 'docs', mode: 'routers', announce };
  const config = {
    listen: announce.map((address) => ({ address, redis })),
    admin: { address: `127.0.0.1:${admin}` },
    clusters: {
      docs: {
        upstream: { protocol: 'redis' },
        placement: { slots: {} },
        shards: servers.map(({ port }, i) => ({ id: `s${i}`, address: `127.0.0.1:${port}` })),
      },
    },
  };
  const router = scope.keyway(['router', '--config', scope.file('keyway.json', JSON.stringify(config))]);
  await router.printed(/"routing"|routing/);
  const client = await servesIoredis(second);
  expect(
    client
      .nodes('master')
      .map(({ options }) => options.port)
      .sort(),
  ).toEqual([first, second].sort());
  await servesNodeRedis(first);
  expect(await redisCli('-c', '-p', String(first), 'GET', 'key:1')).toBe('key:1');
  expect(await redisCli('--cluster', 'check', announce[0] as string)).toContain('[OK] All 16384 slots covered.');
});

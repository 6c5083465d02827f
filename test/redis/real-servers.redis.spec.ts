import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { changeTopology } from '../../src/handoff/index.ts';
import { checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import { metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { clock, registryOn, served } from '../support/registries.ts';
import { startRedis } from './redis-server.ts';

const scope = new Scope();
afterEach(() => scope.release());

const LISTENER = { redis: { cluster: 'docs' } };
const UPSTREAM = { protocol: 'redis' };

async function startBefore(servers: number): Promise<RouterUnderTest> {
  const shards = await Promise.all(Array.from({ length: servers }, () => startRedis(scope)));
  return startRouter(scope, {
    shards: shards.map(({ port }) => port),
    routes: [],
    upstream: UPSTREAM,
    listener: LISTENER,
  });
}

async function cli(port: number, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), ...args]);
  return stdout.trim();
}

it('is a server to redis-cli, in both versions of the protocol', async () => {
  const { port } = await startBefore(3);
  expect(await cli(port, 'SET', 'greeting', 'good day')).toBe('OK');
  expect(await cli(port, '-3', 'GET', 'greeting')).toBe('good day');
  expect(await cli(port, '-3', 'HSET', 'h', 'a', '1', 'b', '2')).toBe('2');
  expect(await cli(port, '-3', '--json', 'HGETALL', 'h')).toBe('{"a":"1","b":"2"}');
  expect(await cli(port, 'SELECT', '1')).toMatch(/^ERR/);
  expect(await cli(port, 'INFO', 'server')).toContain('redis_version:');
});

it('serves ioredis as one server: pipelines, transactions, scripts, blocking, scans, subscriptions', async () => {
  const { port } = await startBefore(3);
  const client = new Redis(port);
  const other = new Redis(port);
  scope.defer(() => client.disconnect());
  scope.defer(() => other.disconnect());
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.set(key, key);
  for (const key of keys) pipeline.get(key);
  const answers = (await pipeline.exec()) ?? [];
  expect(answers.slice(300).map(([, value]) => value)).toEqual(keys);
  expect(await client.mget(...keys)).toEqual(keys);
  expect(await client.dbsize()).toBe(300);
  const scanned = new Set<string>();
  for await (const found of client.scanStream({ count: 50 })) for (const key of found as string[]) scanned.add(key);
  expect(scanned.size).toBe(300);
  expect(await client.multi().set('{t}a', '1').incr('{t}a').exec()).toEqual([
    [null, 'OK'],
    [null, 2],
  ]);
  await client.watch('{t}a');
  await other.set('{t}a', 'x');
  expect(await client.multi().set('{t}a', '3').exec()).toBeNull();
  expect(await client.eval('return {KEYS[1], ARGV[1]}', 1, 'k', 'v')).toEqual(['k', 'v']);
  const popped = client.blpop('list', 5);
  await other.rpush('list', 'x');
  expect(await popped).toEqual(['list', 'x']);
  const heard = new Promise((resolve) => other.on('message', (channel, message) => resolve([channel, message])));
  await other.subscribe('news');
  expect(await client.publish('news', 'hello')).toBe(1);
  expect(await heard).toEqual(['news', 'hello']);
  expect(await client.del(...keys)).toBe(300);
});

it('serves node-redis in RESP3', async () => {
  const { port } = await startBefore(2);
  const client = createClient({ socket: { port }, RESP: 3 });
  client.on('error', () => {});
  await client.connect();
  scope.defer(() => client.destroy());
  await client.hSet('h', { a: '1', b: '2' });
  expect({ ...(await client.hGetAll('h')) }).toEqual({ a: '1', b: '2' });
  expect(await client.mSet({ x: '1', y: '2', z: '3' })).toBe('OK');
  expect(await client.mGet(['x', 'y', 'z', 'none'])).toEqual(['1', '2', '3', null]);
  expect(await client.multi().set('c', '1').incr('c').exec()).toEqual(['OK', 2]);
  const heard: string[] = [];
  await client.subscribe('news', (message) => heard.push(message));
  expect(await client.publish('news', 'one')).toBe(1);
  expect(await client.get('x')).toBe('1');
  await expect.poll(() => heard).toEqual(['one']);
});

it('passes a value of 64 MB both ways, and stays small', async () => {
  const router = await startBefore(2);
  const client = new Redis(router.port);
  scope.defer(() => client.disconnect());
  const value = Buffer.alloc(64 * 2 ** 20, 'v');
  await client.set('warm', 'up');
  expect(await client.set('big', value)).toBe('OK');
  expect((await client.getBuffer('big'))?.equals(value)).toBe(true);
});

/** Both servers by version 2; the keys that move stay where the data is of no interest. */
function draft(ports: readonly number[]): TopologyDraft {
  const shards = ports.map((port, i) => ({ id: `s${i}`, address: `127.0.0.1:${port}` }));
  return checkTopology({ namespace: 'default', cluster: 'docs', placement: { slots: {} }, shards }, 'the test');
}

it('hands keys over between servers under load: no client sees an error, and no key has two owners', async () => {
  const store = await served(scope);
  const registry = registryOn(await store.open(), scope);
  const servers = [await startRedis(scope), await startRedis(scope)];
  const ports = servers.map(({ port }) => port);
  await registry.topologies.commit(draft(ports.slice(0, 1)));
  const router = await startRouter(scope, {
    shards: [],
    routes: [],
    registry: { remote: { address: store.address }, lease: '2s' },
    upstream: UPSTREAM,
    listener: LISTENER,
    config: { drain: { window: '0ms' } },
  });
  const clients = Array.from({ length: 8 }, () => new Redis(router.port, { maxRetriesPerRequest: 0 }));
  for (const client of clients) scope.defer(() => client.disconnect());
  let isOver = false;
  const counted = Array.from({ length: 64 }, () => 0);
  const work = clients.map(async (client, c) => {
    while (!isOver) {
      const keys = Array.from({ length: 8 }, (_, i) => c * 8 + i);
      const answers = (await client.pipeline(keys.map((key) => ['incr', `counter:${key}`])).exec()) ?? [];
      for (const [error] of answers) if (error !== null) throw error;
      for (const key of keys) counted[key] = (counted[key] ?? 0) + 1;
    }
  });
  const direct = ports.map((port) => new Redis(port));
  for (const client of direct) scope.defer(() => client.disconnect());
  await expect.poll(() => counted.every((count) => count > 10), { timeout: 20_000 }).toBe(true);
  const { version } = await changeTopology(registry, draft(ports), { reason: 'a test', candidate: 'test', clock });
  expect(version).toBe(2);
  const after = counted.map((count) => count + 10);
  await expect.poll(() => counted.every((count, i) => count > (after[i] ?? 0)), { timeout: 20_000 }).toBe(true);
  isOver = true;
  await Promise.all(work);
  // What each key was counted to at one server and at the other is all that was acknowledged, to the last one.
  for (const [key, count] of counted.entries()) {
    const values = await Promise.all(direct.map((client) => client.get(`counter:${key}`)));
    expect(values.reduce((sum, value) => sum + Number(value ?? 0), 0)).toBe(count);
  }
  expect(await metric(router, 'keyway_held_requests_total')).toBeGreaterThan(0);
});

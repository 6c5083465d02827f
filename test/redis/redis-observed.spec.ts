import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it, vi } from 'vitest';
import type { SlotTrafficReport } from '../../src/proxy/index.ts';
import { startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { FakeRedis } from './fake-redis.ts';
import { RedisClient } from './redis-client.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('keeps commands that took long, with their keys and without their values', async () => {
  const router = await RedisRouter.start(scope, { entry: { slowAfterMs: 0 } });
  const client = router.client();
  client.say('SET stays/a secret', 'MGET stays/a moves/b', 'MULTI', 'GET stays/a', 'EXEC', 'DBSIZE');
  await client.hasHeard(6);
  const report = await router.router.inspect('redis', 'slowlog', 0);
  expect(report).toMatchObject({ count: 6 });
  const { entries } = report as { entries: ReadonlyArray<Record<string, unknown>> };
  expect(entries.map(({ command, key, shard }) => `${command} ${key} ${shard}`).sort()).toEqual([
    'DBSIZE null s0',
    'DBSIZE null s1',
    'MGET moves/b s1',
    'MGET stays/a s0',
    'MULTI … EXEC null s0',
    'SET stays/a s0',
  ]);
  expect(JSON.stringify(report)).not.toContain('secret');
});

it('keeps the latest of many, and nothing that waits by its nature', async () => {
  const router = await RedisRouter.start(scope, { entry: { slowAfterMs: 0 } });
  const client = router.client().say(...Array.from({ length: 200 }, (_, i) => `SET stays/${i} 1`));
  await client.hasHeard(200);
  const blocked = router.client().say('BLPOP stays/list 0');
  await router.client().ask('RPUSH stays/list x');
  await blocked.hasHeard(1);
  const { count, entries } = (await router.router.inspect('redis', 'slowlog', 0)) as {
    count: number;
    entries: ReadonlyArray<{ command: string; key: string }>;
  };
  expect([count, entries.length]).toEqual([201, 128]);
  expect(entries.at(-1)).toMatchObject({ command: 'RPUSH', key: 'stays/list' });
});

it('counts keys and bytes while somebody asks, and nothing otherwise', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say('GET stays/before');
  await client.hasHeard(1);
  client.heard.length = 0;
  const report = router.router.inspect('redis', 'hotkeys', 3);
  client.say(`SET stays/big ${'v'.repeat(5000)}`, ...Array.from({ length: 20 }, () => 'GET moves/hot'));
  client.say('MGET stays/big moves/hot', 'PING');
  await client.hasHeard(23);
  const found = (await report) as { hot: readonly object[]; heavy: ReadonlyArray<{ key: string; bytes: number }> };
  expect(found).toMatchObject({
    commands: 23,
    hot: [
      { cluster: 'cache', key: 'moves/hot', commands: 21, commandsError: 0 },
      { cluster: 'cache', key: 'stays/big', commands: 2, commandsError: 0 },
    ],
  });
  expect(found.heavy[0]?.key).toBe('stays/big');
  expect(found.heavy[0]?.bytes).toBeGreaterThan(5000);
  expect(await router.router.inspect('redis', 'what', 0)).toBeNull();
});

it('counts what answers a command of several shards, also where no key is ever held back', async () => {
  const router = await RedisRouter.start(scope, { isDiscovered: true });
  const value = 'v'.repeat(5000);
  for (const [i, key] of ['stays/big', 'moves/big'].entries()) router.shards[i]?.values.set(key, value);
  const client = router.client();
  const report = router.router.inspect('redis', 'hotkeys', 3);
  client.say('MGET stays/none moves/big stays/big', 'MGET moves/big');
  await client.hasHeard(2);
  const { heavy } = (await report) as { heavy: ReadonlyArray<{ key: string; bytes: number; bytesError: number }> };
  const least = new Map(heavy.map(({ key, bytes, bytesError }) => [key, bytes - bytesError]));
  // The answer of a part counts for the first of its keys.
  expect(least.get('stays/none')).toBeGreaterThan(5000);
  expect(least.get('moves/big')).toBeGreaterThan(10_000);
});

it('counts no keys of commands that it does not carry out, and all bytes of those that it passes on as they come', async () => {
  const users = [{ name: 'app', password: 'secret', prefixes: ['stays/app:'] }];
  const router = await RedisRouter.start(scope, { password: 'sesame', entry: { users } });
  const [nobody, app, anybody] = [router.client(), router.client(), router.client()];
  expect(await app.ask('AUTH app secret')).toBe('OK');
  expect(await anybody.ask('AUTH sesame')).toBe('OK');
  const report = router.router.inspect('redis', 'hotkeys', 3);
  const flood = Array.from({ length: 50 }, (_, i) => `GET stays/${i}`);
  nobody.say(...flood);
  app.say(...flood, 'GET stays/app:own');
  await Promise.all([nobody.hasHeard(50), app.hasHeard(51)]);
  expect(await anybody.ask(`SET stays/large ${'v'.repeat(300_000)}`)).toBe('OK');
  const found = (await report) as { hot: ReadonlyArray<{ key: string }>; heavy: ReadonlyArray<{ bytes: number }> };
  expect(found.hot.map(({ key }) => key).sort()).toEqual(['stays/app:own', 'stays/large']);
  expect(found.heavy[0]).toMatchObject({ key: 'stays/large', bytesError: 0 });
  expect(found.heavy[0]?.bytes).toBeGreaterThan(300_000);
});

it('keeps no slow command itself while its answer waits for others', async () => {
  const router = await RedisRouter.start(scope, { entry: { slowAfterMs: 0 } });
  const client = router.client();
  const [waited] = router.shards;
  waited.instead = ([name]) => (name === 'GET' ? null : undefined);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const used = (): number => {
    gc();
    return process.memoryUsage().arrayBuffers;
  };
  const before = used();
  const value = 'v'.repeat(60_000);
  client.say('GET stays/a');
  // One after the other: of many at once the router has forgotten most by the time that they are answered.
  for (let count = 1; count <= 100; count++) {
    client.say(`SET moves/${count} ${value}`);
    const counted = { count };
    await vi.waitFor(async () => expect(await router.router.inspect('redis', 'slowlog', 0)).toMatchObject(counted), {
      ...PATIENCE,
      interval: 1,
    });
  }
  // What is garbage is swept beside the program, some time after it was found.
  await vi.waitFor(() => expect(used() - before).toBeLessThan(3_000_000), PATIENCE);
});

it('counts commands by the slots of their keys, over all threads', async () => {
  const shard = await FakeRedis.start(scope, 's0');
  const router = await startRouter(scope, {
    shards: [shard.port],
    routes: [],
    workers: 2,
    upstream: { protocol: 'redis' },
    listener: { redis: { cluster: 'docs' } },
  });
  const report = fetch(`${router.admin}/redis/slots?seconds=4`).then((answer) => answer.json());
  const clients = Array.from({ length: 8 }, () => new RedisClient(scope, router.port));
  // None is counted before the report has begun.
  let [asked, isOver] = [0, false];
  void report.finally(() => {
    isOver = true;
  });
  for (; !isOver; asked++) await Promise.all(clients.map((client) => client.ask('MGET {t}1 {t}2')));
  const { clusters } = (await report) as SlotTrafficReport;
  expect(clusters.map(({ cluster }) => cluster)).toEqual(['docs']);
  const [{ slots }] = clusters as [(typeof clusters)[0]];
  expect(slots.map(({ slot }) => slot)).toEqual([15_891]);
  expect(slots[0]?.commands).toBeGreaterThan(2 * clients.length);
  expect(slots[0]?.commands).toBeLessThanOrEqual(2 * clients.length * asked);
  expect((await fetch(`${router.admin}/redis/slots?seconds=31`)).status).toBe(400);
});

it('shows both to people who ask a router for them', async () => {
  const shard = await FakeRedis.start(scope, 's0');
  shard.values.set('slow', '1');
  const router = await startRouter(scope, {
    shards: [shard.port],
    routes: [],
    workers: 2,
    upstream: { protocol: 'redis' },
    listener: { redis: { cluster: 'docs', slowAfter: '1ms' } },
  });
  shard.instead = ([name]) => {
    // As long as the threshold, by the clock of whoever waits.
    if (name === 'GET') for (const until = performance.now() + 3; performance.now() < until; );
    return undefined;
  };
  expect(await new RedisClient(scope, router.port).ask('GET slow')).toBe('1');
  const admin = router.admin.replace('http://', '');
  const told = (pattern: RegExp, ...args: string[]): Promise<RegExpExecArray> =>
    scope.keyway(['redis', ...args, '--admin', admin]).printed(pattern);
  await told(/GET +slow +\d+ +docs\/s0 +127\.0\.0\.1\n/, 'slowlog');
  const [entry] = await told(/\{.*\}(?=\n)/, 'slowlog', '--json');
  expect(JSON.parse(entry)).toMatchObject({ command: 'GET', key: 'slow', cluster: 'docs' });
  const asked = told(/slow +\d+ +100\.0 % +docs\n/, 'hotkeys', '--for', '4');
  const clients = [1, 2].map(() => new RedisClient(scope, router.port));
  let goesOn = true;
  const busy = (async () => {
    while (goesOn) for (const client of clients) await client.ask('GET slow');
  })();
  await asked;
  goesOn = false;
  await busy;
});

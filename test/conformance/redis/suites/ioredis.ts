import { deepEqual, equal, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { Cluster, Redis } from 'ioredis';
import packageJson from 'ioredis/package.json' with { type: 'json' };
import { type Steps, take } from '../steps.ts';
import type { Suite } from '../suite.ts';
import type { Target } from '../targets.ts';

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);

/** What both of its clients do. */
function common(client: Redis | Cluster, other: Redis | Cluster): Steps {
  return {
    'sets and gets': async () => {
      await Promise.all(KEYS.map((key) => client.set(key, key)));
      deepEqual(await Promise.all(KEYS.map((key) => client.get(key))), KEYS);
    },
    'a pipeline of one slot': async () => {
      const answers = await client.pipeline().set('{p}a', '1').incr('{p}a').get('{p}a').exec();
      deepEqual(answers, [
        [null, 'OK'],
        [null, 2],
        [null, '2'],
      ]);
    },
    'MULTI and EXEC': async () => {
      deepEqual(await client.multi().set('{t}a', '1').incr('{t}a').exec(), [
        [null, 'OK'],
        [null, 2],
      ]);
    },
    'an error in a transaction': async () => {
      await rejects(client.multi().call('NOSUCH', '{t}a').exec() as Promise<unknown>, /EXECABORT/);
    },
    'EVAL and EVALSHA': async () => {
      client.defineCommand('echoKey', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1]}' });
      type Scripted = { echoKey(key: string, value: string): Promise<unknown> };
      for (let i = 0; i < 2; i++)
        deepEqual(await (client as unknown as Scripted).echoKey(`s${i}`, 'v'), [`s${i}`, 'v']);
    },
    'BLPOP that waits': async () => {
      const popped = client.blpop('list', 10);
      await other.rpush('list', 'x');
      deepEqual(await popped, ['list', 'x']);
    },
    'streams: XADD, XREAD': async () => {
      await client.xadd('stream', '1-1', 'field', 'value');
      deepEqual(await client.xread('STREAMS', 'stream', '0'), [['stream', [['1-1', ['field', 'value']]]]]);
    },
    'bytes that are no text': async () => {
      const bytes = Buffer.from([0, 255, 13, 10, 128]);
      await client.set('bytes', bytes);
      deepEqual(await client.getBuffer('bytes'), bytes);
    },
    'a value of 8 MB': async () => {
      const value = Buffer.alloc(8 * 2 ** 20, 'v');
      await client.set('large', value);
      equal((await client.getBuffer('large'))?.equals(value), true);
    },
    'the error of a wrong type': async () => {
      await rejects(client.lpush('key:1', 'x'), /^ReplyError: WRONGTYPE/);
    },
  };
}

function subscribes(client: Redis | Cluster, listener: Redis | Cluster): Steps {
  return {
    'SUBSCRIBE and PUBLISH': async () => {
      await listener.subscribe('news');
      const heard = once(listener, 'message');
      await client.publish('news', 'hello');
      deepEqual(await heard, ['news', 'hello']);
    },
    'PSUBSCRIBE and PUBLISH': async () => {
      await listener.psubscribe('n?ws:*');
      const heard = once(listener, 'pmessage');
      await client.publish('news:1', 'hello');
      deepEqual(await heard, ['n?ws:*', 'news:1', 'hello']);
    },
    'SSUBSCRIBE and SPUBLISH': async () => {
      await listener.ssubscribe('shard-news');
      const heard = once(listener, 'smessage');
      await client.spublish('shard-news', 'hello');
      // Its client of a cluster says more.
      deepEqual((await heard).slice(0, 2), ['shard-news', 'hello']);
    },
  };
}

/** What is about all keys, and what one connection remembers: of one server only. */
function ofOneServer(client: Redis, other: Redis): Steps {
  return {
    'MGET over slots': async () => deepEqual(await client.mget(...KEYS), KEYS),
    'SCAN finds all keys': async () => {
      const found = new Set<string>();
      for await (const keys of client.scanStream({ match: 'key:*', count: 20 }))
        for (const key of keys as string[]) found.add(key);
      equal(found.size, KEYS.length);
    },
    'WATCH sees a change': async () => {
      await client.watch('{w}a');
      await other.set('{w}a', 'x');
      equal(await client.multi().set('{w}a', '3').exec(), null);
    },
    'DEL over slots': async () => equal(await client.del(...KEYS), KEYS.length),
  };
}

async function runOne({ port }: Target): ReturnType<Suite['run']> {
  const [client, other, listener] = Array.from({ length: 3 }, () => new Redis(port)) as [Redis, Redis, Redis];
  try {
    await client.flushall();
    return await take({ ...common(client, other), ...subscribes(client, listener), ...ofOneServer(client, other) });
  } finally {
    for (const each of [client, other, listener]) each.disconnect();
  }
}

async function runCluster({ port }: Target): ReturnType<Suite['run']> {
  const start = (): Cluster => new Cluster([{ host: '127.0.0.1', port }], { shardedSubscribers: true });
  const [client, other, listener] = [start(), start(), start()];
  try {
    return await take({ ...common(client, other), ...subscribes(client, listener) });
  } finally {
    for (const each of [client, other, listener]) each.disconnect();
  }
}

async function prepare(): Promise<void> {}

export const ioredis: readonly Suite[] = [
  {
    name: `ioredis ${packageJson.version}, Redis`,
    matchups: [{ direct: 'a server', through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'] }],
    needs: [],
    prepare,
    run: runOne,
  },
  {
    name: `ioredis ${packageJson.version}, Cluster`,
    matchups: [{ direct: 'a cluster', through: ['direct, a cluster', 'routers, a cluster'] }],
    needs: [],
    prepare,
    run: runCluster,
  },
];

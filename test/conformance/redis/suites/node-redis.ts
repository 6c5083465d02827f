import { deepEqual, equal, rejects } from 'node:assert/strict';
import { createClient, createCluster } from '@redis/client';
import packageJson from '@redis/client/package.json' with { type: 'json' };
import { type Steps, take } from '../steps.ts';
import type { Suite } from '../suite.ts';
import type { Target } from '../targets.ts';

const KEYS = Array.from({ length: 100 }, (_, i) => `key:${i}`);

function startOne(port: number, RESP: 2 | 3) {
  const client = createClient({ socket: { port }, RESP });
  client.on('error', () => {});
  return client;
}

function startCluster(port: number) {
  const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }], RESP: 3 });
  client.on('error', () => {});
  return client;
}

type Client = ReturnType<typeof startOne> | ReturnType<typeof startCluster>;

function common(client: Client): Steps {
  return {
    'sets and gets': async () => {
      await Promise.all(KEYS.map((key) => client.set(key, key)));
      deepEqual(await Promise.all(KEYS.map((key) => client.get(key))), KEYS);
    },
    'hashes, which RESP3 has as maps': async () => {
      await client.hSet('h', { a: '1', b: '2' });
      deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: '2' });
    },
    'doubles and sorted sets': async () => {
      await client.zAdd('z', [
        { value: 'a', score: 1.5 },
        { value: 'b', score: Number.POSITIVE_INFINITY },
      ]);
      equal(await client.zScore('z', 'b'), Number.POSITIVE_INFINITY);
      deepEqual(
        (await client.zRangeWithScores('z', 0, 0)).map((each) => ({ ...each })),
        [{ value: 'a', score: 1.5 }],
      );
    },
    'MULTI and EXEC': async () => deepEqual(await client.multi().set('{t}a', '1').incr('{t}a').exec(), ['OK', 2]),
    EVAL: async () => {
      const options = { keys: ['k'], arguments: ['v'] };
      deepEqual(await client.eval('return {KEYS[1], ARGV[1]}', options), ['k', 'v']);
    },
    'the error of a wrong type': async () => {
      await rejects(client.lPush('key:1', 'x'), /WRONGTYPE/);
    },
  };
}

function ofOneServer(client: ReturnType<typeof startOne>, listener: ReturnType<typeof startOne>): Steps {
  return {
    'MGET over slots': async () => deepEqual(await client.mGet([...KEYS, 'none']), [...KEYS, null]),
    'SCAN finds all keys': async () => {
      const found = new Set<string>();
      for await (const keys of client.scanIterator({ MATCH: 'key:*', COUNT: 20 }))
        for (const key of keys) found.add(key);
      equal(found.size, KEYS.length);
    },
    'SUBSCRIBE beside other commands': async () => {
      const heard: string[] = [];
      await listener.subscribe('news', (message) => heard.push(message));
      equal(await client.publish('news', 'one'), 1);
      while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      deepEqual(heard, ['one']);
      await listener.unsubscribe('news');
    },
    PSUBSCRIBE: async () => {
      const heard: string[] = [];
      await listener.pSubscribe('n?ws:*', (_, channel) => heard.push(channel));
      await client.publish('news:1', 'one');
      while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      deepEqual(heard, ['news:1']);
    },
    'DEL over slots': async () => equal(await client.del(KEYS), KEYS.length),
  };
}

const oneServer = (RESP: 2 | 3): Suite => ({
  name: `@redis/client ${packageJson.version}, RESP${RESP}`,
  matchups: [{ direct: 'a server', through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'] }],
  needs: [],
  prepare: async () => {},
  async run({ port }: Target) {
    const [client, listener] = [startOne(port, RESP), startOne(port, RESP)];
    await Promise.all([client.connect(), listener.connect()]);
    try {
      await client.flushAll();
      return await take({ ...common(client), ...ofOneServer(client, listener) });
    } finally {
      client.destroy();
      listener.destroy();
    }
  },
});

const cluster: Suite = {
  name: `@redis/client ${packageJson.version}, cluster, RESP3`,
  matchups: [{ direct: 'a cluster', through: ['direct, a cluster', 'routers, a cluster'] }],
  needs: [],
  prepare: async () => {},
  async run({ port }: Target) {
    const client = startCluster(port);
    await client.connect();
    try {
      return await take(common(client));
    } finally {
      client.destroy();
    }
  },
};

export const nodeRedis: readonly Suite[] = [oneServer(2), oneServer(3), cluster];

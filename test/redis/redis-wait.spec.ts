import { afterEach, expect, it, vi } from 'vitest';
import { bulkReply, errorReply, integerReply } from '../../src/resp/index.ts';
import { tableOf } from '../handoff/router-in-process.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import type { FakeRedis } from './fake-redis.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Has a server say that it is at 7, and its replicas at other places. */
function replicasAt(shard: FakeRedis, ...offsets: readonly number[]): void {
  const lines = offsets.map((offset, i) => `slave${i}:ip=::1,port=${i},state=online,offset=${offset},lag=0\r\n`);
  shard.instead = ([name]) => {
    if (name !== 'INFO') return name === 'WAIT' ? integerReply(0) : undefined;
    return bulkReply(`${lines.join('')}master_repl_offset:7\r\n`);
  };
}

async function commit(router: RedisRouter): Promise<void> {
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  router.commit();
}

it('waits for the replicas of the shards that a client has written to', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  for (const shard of router.shards) replicasAt(shard, 5, 5);
  const client = router.client();
  expect(await client.ask('SET stays/a 1')).toBe('OK');
  client.say('WAIT 2 0', 'GET stays/a');
  await vi.waitFor(() => expect(s0.times('WAIT')).toBeGreaterThan(2), PATIENCE);
  expect([client.heard, s1.times('INFO')]).toEqual([[], 0]);
  replicasAt(s0, 9, 9);
  await client.hears(':2', '1');
  client.say('SET moves/a 1', 'WAIT 1 20', 'WAIT x 1', 'WAIT 1 -1');
  await client.hears('OK', ':0', '-ERR value is not an integer or out of range', '-ERR timeout is negative');
  expect(s1.times('INFO')).toBeGreaterThan(0);
});

it('counts at the shards that were written to, also where nobody has reached them since the owners changed', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  replicasAt(s0, 9, 9);
  replicasAt(s1, 9);
  const client = router.client();
  expect(await client.ask('SET moves/a 1')).toBe('OK');
  await commit(router);
  expect(await client.ask('WAIT 1 0')).toBe(':1');
  expect([s0.times('INFO'), s1.times('INFO')]).toEqual([0, 1]);
});

it('tells once of a shard that was written to and has gone, with a count of no replica', async () => {
  const router = await RedisRouter.start(scope, { nextTableOf: ([s0]) => tableOf([s0], 2, 's0') });
  const [s0] = router.shards;
  replicasAt(s0, 9);
  const client = router.client().say('SET moves/a 1', 'SET stays/a 1');
  await client.hears('OK', 'OK');
  await commit(router);
  expect(await client.ask('WAIT 1 0')).toBe(':0');
  expect(await client.ask('WAIT 1 0')).toBe(':1');
});

it('counts at the shards to which a command was divided in its turn', async () => {
  const router = await RedisRouter.start(scope, {
    tableOf: (shards) => tableOf(shards, 1, 's0'),
    nextTableOf: (shards) => tableOf(shards, 2, 's1'),
  });
  const [s0, s1] = router.shards;
  replicasAt(s0, 9);
  replicasAt(s1);
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  const client = router.client().say('DEL stays/a moves/a', 'WAIT 1 1');
  router.commit();
  await client.hears(':0', ':0');
  expect([s0.times('DEL'), s1.times('DEL'), s1.times('INFO') > 0]).toEqual([1, 1, true]);
});

it('counts at the shard that a write was sent on to while WAIT stood behind it', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  replicasAt(s0, 9);
  replicasAt(s1);
  const { instead } = s0;
  const moved = errorReply(`MOVED 1 127.0.0.1:${s1.port}`);
  s0.instead = (words, id) => (words[0] === 'SET' ? moved : instead(words, id));
  const client = router.client().say('SET stays/a 1', 'WAIT 1 1');
  await client.hears('OK', ':0');
  expect(s1.values.get('stays/a')).toBe('1');
});

it('passes on what a shard has against WAIT, which it is asked once', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  replicasAt(s0);
  const { instead } = s0;
  s0.instead = (words, id) => (words[0] === 'WAIT' ? errorReply('ERR unknown command') : instead(words, id));
  const client = router.client().say('SET stays/a 1', 'WAIT 1 0', 'GET stays/a');
  await client.hears('OK', '-ERR unknown command', '1');
  expect(s0.times('WAIT')).toBe(1);
});

it.each([
  ['does not say how far its replicas are', bulkReply('role:master\r\n')],
  ['says more than 1048576 bytes of its replicas', bulkReply('x'.repeat(2 ** 21))],
])('believes no shard that %s', async (fault, info) => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'INFO' ? info : undefined);
  const client = router.client().say('SET stays/a 1', 'WAIT 1 0', 'GET stays/a');
  await client.hears('OK', `-ERR shard s0 (127.0.0.1:${s0.port}) ${fault}`, '1');
});

it('counts replicas of Kvrocks, which has no states for them', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) =>
    name === 'INFO' ? bulkReply('master_repl_offset:7\r\nslave0:ip=::1,port=1,offset=7,lag=0\r\n') : undefined;
  expect(await router.client().ask('WAIT 1 0')).toBe(':1');
});

it('answers in its turn where there is no shard any more', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'GET' ? null : undefined);
  const client = router.client().say('GET stays/a', 'WAIT 1 0', 'PING');
  await vi.waitFor(() => expect(s0.times('GET')).toBe(1), PATIENCE);
  router.router.publish('cache', null, null);
  for (const { socket } of s0.connections) socket.write(bulkReply('1'));
  await client.hears('1', '-CLUSTERDOWN The cluster is down', 'PONG');
});

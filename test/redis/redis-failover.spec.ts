import { afterEach, expect, it, vi } from 'vitest';
import { arrayReply, bulkReply, integerReply, OK } from '../../src/resp/index.ts';
import { tableOf } from '../handoff/router-in-process.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { FakeRedis } from './fake-redis.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A router whose version 2 has another server in place of a shard's: the one that takes over. */
async function startWithStandIn(shard: 's0' | 's1'): Promise<{ router: RedisRouter; old: FakeRedis; next: FakeRedis }> {
  const next = await FakeRedis.start(scope, shard);
  const router = await RedisRouter.start(scope, {
    nextTableOf: (shards) =>
      tableOf(
        shards.map((each) => (each.id === shard ? next : each)),
        2,
        's1',
      ),
  });
  return { router, old: router.shards[shard === 's0' ? 0 : 1], next };
}

async function hold(router: RedisRouter): Promise<void> {
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
}

it.each([
  ['FLUSHALL', 'OK', OK],
  ['FLUSHDB', 'OK', OK],
  ['SCRIPT LOAD x', 'hash', bulkReply('hash')],
  ['DBSIZE', ':2', integerReply(1)],
  ['EVAL x 0', ':1', integerReply(1)],
  ['SCAN 0', '[0, [a, a]]', arrayReply([bulkReply('0'), arrayReply([bulkReply('a')])])],
])('holds %s, which has no key, until the server that takes over may answer it', async (command, answer, reply) => {
  const { router, old, next } = await startWithStandIn('s0');
  const [name = ''] = command.split(' ');
  for (const shard of [...router.shards, next]) shard.instead = ([asked]) => (asked === name ? reply : undefined);
  await hold(router);
  const client = router.client().say(command, 'PING');
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(1), PATIENCE);
  router.commit();
  await client.hears(answer, 'PONG');
  expect([old.times(name), next.times(name)]).toEqual([0, 1]);
});

it('waits for a command without keys that the old server has', async () => {
  const { router, old, next } = await startWithStandIn('s0');
  old.instead = ([name]) => (name === 'FLUSHALL' ? null : undefined);
  router.shards[1].instead = ([name]) => (name === 'FLUSHALL' ? OK : undefined);
  const client = router.client().say('FLUSHALL');
  await vi.waitFor(() => expect(old.times('FLUSHALL')).toBe(1), PATIENCE);
  expect(await router.step('stage')).toBe(true);
  let isDone = false;
  const held = router.step('hold').then((done) => {
    isDone = done;
  });
  expect(await router.client().ask('SET moves/a 1')).toBe('OK');
  expect(isDone).toBe(false);
  for (const { socket } of old.connections) socket.write(OK);
  await held;
  await client.hears('OK');
  router.commit();
  expect(next.times('FLUSHALL')).toBe(0);
});

it('goes on with a scan at the servers that the shards have by then', async () => {
  const { router, old, next } = await startWithStandIn('s1');
  const [s0] = router.shards;
  next.values.set('moves/new', '1');
  old.values.set('moves/old', '1');
  s0.instead = ([name]) => (name === 'SCAN' ? null : undefined);
  const client = router.client().say('SCAN 0');
  await vi.waitFor(() => expect(s0.times('SCAN')).toBe(1), PATIENCE);
  await hold(router);
  router.commit();
  for (const { socket } of s0.connections) socket.write(arrayReply([bulkReply('0'), arrayReply([])]));
  await client.hears('[0, [moves/new]]');
  expect(old.times('SCAN')).toBe(0);
});

it('holds what is about to be subscribed to, and confirms it once the new server has', async () => {
  const { router, old, next } = await startWithStandIn('s1');
  const listener = router.client().say('SUBSCRIBE moves/before');
  await listener.hears('[subscribe, moves/before, :1]');
  await hold(router);
  listener.say('UNSUBSCRIBE moves/before', 'SUBSCRIBE moves/news', 'PING');
  await listener.hears('[unsubscribe, moves/before, :0]');
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(1), PATIENCE);
  expect(old.told.some(({ words }) => words.includes('moves/news'))).toBe(false);
  router.commit();
  await listener.hears('[subscribe, moves/news, :1]', '[pong, ]');
  expect(await router.client().ask('PUBLISH moves/news hello')).toBe(':1');
  await listener.hears('[message, moves/news, hello]');
  expect([...next.connections].flatMap(({ channels }) => [...channels])).toEqual(['moves/news']);
});

it('counts no replica for a client that waits for those of a server that is replaced', async () => {
  const { router, old, next } = await startWithStandIn('s0');
  old.instead = ([name]) => {
    if (name !== 'INFO') return name === 'WAIT' ? integerReply(0) : undefined;
    return bulkReply('slave0:ip=::1,port=1,state=online,offset=5,lag=0\r\nmaster_repl_offset:7\r\n');
  };
  const client = router.client();
  expect(await client.ask('SET stays/a 1')).toBe('OK');
  client.say('WAIT 1 0', 'PING');
  await vi.waitFor(() => expect(old.times('WAIT')).toBeGreaterThan(0), PATIENCE);
  await hold(router);
  await client.hears(':0', 'PONG');
  router.commit();
  expect(next.times('WAIT')).toBe(0);
});

import { afterEach, expect, it, vi } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { errorReply, integerReply, OK } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { routerSettings } from '../support/router-settings.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('ends the connection of a client that has half of an answer whose rest is lost', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'GET' ? Buffer.from(`$3000000\r\n${'v'.repeat(1_500_000)}`) : undefined);
  const client = router.client().say('GET stays/a', 'PING');
  await vi.waitFor(() => expect(client.socket.bytesRead).toBeGreaterThan(1_000_000), PATIENCE);
  for (const { socket } of s0.connections) socket.destroy();
  await vi.waitFor(() => expect(client.isClosed).toBe(true), PATIENCE);
  expect(client.heard).toEqual([]);
});

it('puts an error in place of an answer that has come in part, and waits for an earlier one', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  s0.instead = ([name]) => (name === 'GET' ? Buffer.from(`$3000000\r\n${'v'.repeat(1_500_000)}`) : undefined);
  s1.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const client = router.client().say('INCR moves/a', 'GET stays/a', 'PING');
  await vi.waitFor(
    () => expect(router.router.counters.shards['cache/s0']?.responseBytes).toBeGreaterThan(1e6),
    PATIENCE,
  );
  for (const { socket } of s0.connections) socket.destroy();
  await vi.waitFor(() => expect(s0.connections.size).toBe(0), PATIENCE);
  for (const { socket } of s1.connections) socket.write(integerReply(1));
  await vi.waitFor(() => expect(client.heard).toHaveLength(3), PATIENCE);
  expect(client.heard.map((each) => each.split(' ')[0])).toEqual([':1', '-ERR', 'PONG']);
});

it('lets a slow command end at the owner that has it, and does not say that it may be repeated', async () => {
  const drain = { ...routerSettings([], []).drain, windowMs: 0, longLivedAfterMs: 50 };
  const router = await RedisRouter.start(scope, { settings: { drain } });
  const [, s1] = router.shards;
  s1.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const client = router.client().say('INCR moves/a');
  await vi.waitFor(() => expect(s1.times('INCR')).toBe(1), PATIENCE);
  await router.step('stage');
  const drained = router.step('drain');
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(client.heard).toEqual([]);
  for (const { socket } of s1.connections) socket.write(integerReply(1));
  await client.hears(':1');
  expect(await drained).toBe(true);
});

it('runs a script once, whatever error it returns', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const client = router.client();
  for (const error of ['TRYAGAIN mine', 'LOADING mine', 'CLUSTERDOWN mine', `MOVED 1 127.0.0.1:${s1.port}`]) {
    s0.instead = ([name]) => (name === 'EVAL' ? errorReply(error) : undefined);
    const before = s0.times('EVAL');
    expect(await client.ask('EVAL script 1 stays/a')).toBe(`-${error}`);
    expect([s0.times('EVAL') - before, s1.times('EVAL')]).toEqual([1, 0]);
  }
  const slot = slotOf(Buffer.from('stays/a'), 0, 7);
  s0.instead = ([name]) => (name === 'EVAL' ? errorReply(`MOVED ${slot} 127.0.0.1:${s1.port}`) : undefined);
  s1.instead = ([name]) => (name === 'EVAL' ? integerReply(1) : undefined);
  expect(await client.ask('EVAL script 1 stays/a')).toBe(':1');
});

it('sends again in the order of the commands', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const left = new Map([
    ['1', 2],
    ['2', 1],
  ]);
  s0.instead = ([name, , value = '']) => {
    const times = left.get(value) ?? 0;
    left.set(value, times - 1);
    return name === 'SET' && times > 0 ? errorReply('TRYAGAIN later') : undefined;
  };
  const client = router.client().say('SET stays/a 1', 'SET stays/a 2');
  await client.hears('OK', 'OK');
  expect(await client.ask('GET stays/a')).toBe('2');
});

it('refuses a command that has to be whole and would fill what may wait for a shard', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client().say(`MSET stays/a ${'v'.repeat(5 * 2 ** 20)} moves/a 1`);
  await client.hears('-ERR the command is longer than the router takes');
  expect(router.shards.map(({ values }) => values.size)).toEqual([0, 0]);
});

it('subscribes to a pattern at each shard, also after a wait', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  for (const shard of router.shards) shard.instead = ([name]) => (name === 'PSUBSCRIBE' ? null : undefined);
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  router.client().say('PSUBSCRIBE moves/*');
  await vi.waitFor(() => expect(s0.times('PSUBSCRIBE')).toBe(1), PATIENCE);
  router.commit();
  await vi.waitFor(() => expect(s1.times('PSUBSCRIBE')).toBe(1), PATIENCE);
  expect(s0.times('PSUBSCRIBE')).toBe(1);
});

it('carries out no transaction whose watched keys have another owner', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const client = router.client();
  expect(await client.ask('WATCH moves/a')).toBe('OK');
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  router.commit();
  client.say('MULTI', 'PING', 'EXEC');
  await client.hears('OK', 'QUEUED', 'nil');
  expect([s0.times('EXEC'), s1.times('EXEC')]).toEqual([0, 0]);
});

it('has a connection forget what a client has watched that has gone', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'WATCH' ? null : undefined);
  const client = router.client().say('WATCH stays/a');
  await vi.waitFor(() => expect(s0.times('WATCH')).toBe(1), PATIENCE);
  client.socket.resetAndDestroy();
  expect(await router.client().ask('GET moves/a')).toBe('nil');
  for (const { socket } of s0.connections) socket.write(OK);
  await vi.waitFor(() => expect(s0.times('UNWATCH')).toBe(1), PATIENCE);
});

it('takes what a client has sent before it said that it sends no more', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client().say('WATCH stays/a', 'SET stays/b 1', 'GET stays/b');
  client.socket.end();
  await client.hears('OK', 'OK', '1');
  await vi.waitFor(() => expect(client.isClosed).toBe(true), PATIENCE);
});

it('divides by slots what servers of a cluster refuse, from then on at once', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const isOfOneSlot = (keys: readonly string[]): boolean =>
    new Set(keys.map((key) => slotOf(Buffer.from(key), 0, key.length))).size === 1;
  s0.instead = ([name, ...keys]) =>
    name === 'MGET' && !isOfOneSlot(keys) ? errorReply('CROSSSLOT Keys in request') : undefined;
  const client = router.client();
  client.say('SET stays/a 1', 'SET stays/b 2', 'MGET stays/a stays/b stays/none', 'PING');
  await client.hears('OK', 'OK', '[1, 2, nil]', 'PONG');
  expect(s0.times('MGET')).toBe(4);
  expect(await client.ask('MGET stays/b moves/a stays/a')).toBe('[2, nil, 1]');
  expect(s0.times('MGET')).toBe(6);
});

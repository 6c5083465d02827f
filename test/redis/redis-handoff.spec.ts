import { afterEach, expect, it, vi } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { errorReply, integerReply, OK } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('has a command under way end at the old owner before a step is done, and those behind it wait for the new one', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const [early, late, other] = [router.client(), router.client(), router.client()];
  expect(await early.ask('SET moves/a 0')).toBe('OK');
  s1.instead = ([name]) => (name === 'SET' ? null : undefined);
  early.say('SET moves/a 1');
  await vi.waitFor(() => expect(s1.times('SET')).toBe(2), PATIENCE);
  expect(await router.step('stage')).toBe(true);
  let isDone = false;
  const held = router.step('hold').then((done) => {
    isDone = done;
  });
  late.say('SET moves/a 2', 'GET moves/a');
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(1), PATIENCE);
  expect(await other.ask('SET stays/a 1')).toBe('OK');
  expect([isDone, late.heard]).toEqual([false, []]);
  for (const { socket } of s1.connections) socket.write(OK);
  await early.hears('OK');
  await held;
  expect(isDone).toBe(true);
  router.commit();
  await late.hears('OK', '2');
  expect([s1.times('SET'), s0.values.get('moves/a')]).toEqual([2, '2']);
});

it('does not wait for a command under way at a shard that is dead: its client is told, and commands behind it wait', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const [early, late] = [router.client(), router.client()];
  expect(await early.ask('SET moves/a 0')).toBe('OK');
  s1.instead = () => null;
  early.say('SET moves/a 1');
  await vi.waitFor(() => expect(s1.times('SET')).toBe(2), PATIENCE);
  await router.step('stage', ['s1']);
  expect(await router.step('drain', ['s1'])).toBe(true);
  await vi.waitFor(() => expect(early.heard).toEqual([expect.stringContaining('was lost')]), PATIENCE);
  late.say('SET moves/a 2');
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(1), PATIENCE);
  expect(await router.step('hold', ['s1'])).toBe(true);
  router.commit();
  await late.hears('OK');
  expect([s1.times('SET'), s0.values.get('moves/a')]).toEqual([2, '2']);
});

it('waits for a command whose client has gone, too', async () => {
  const router = await RedisRouter.start(scope);
  const [, s1] = router.shards;
  const client = router.client();
  expect(await client.ask('GET moves/a')).toBe('nil');
  s1.instead = ([name]) => (name === 'SET' ? null : undefined);
  client.say('SET moves/a 1');
  await vi.waitFor(() => expect(s1.times('SET')).toBe(1), PATIENCE);
  client.socket.resetAndDestroy();
  await vi.waitFor(() => expect(client.isClosed).toBe(true), PATIENCE);
  await router.step('stage');
  let isDone = false;
  const held = router.step('hold').then((done) => {
    isDone = done;
  });
  expect(await router.client().ask('SET stays/a 1')).toBe('OK');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(isDone).toBe(false);
  for (const { socket } of s1.connections) socket.write(OK);
  await held;
  expect(isDone).toBe(true);
});

it('takes what blocks to the new owner, and loses nothing that comes in between', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const client = router.client().say('BLPOP moves/list 0');
  await vi.waitFor(() => expect(s1.times('BLPOP')).toBe(1), PATIENCE);
  await router.step('stage');
  expect(await router.step('drain')).toBe(true);
  expect(s1.times('CLIENT')).toBe(2);
  expect(await router.step('hold')).toBe(true);
  router.commit();
  await vi.waitFor(() => expect(s0.times('BLPOP')).toBe(1), PATIENCE);
  expect(await router.client().ask('RPUSH moves/list x')).toBe(':1');
  await client.hears('[moves/list, x]');
});

it('goes after a channel whose owner changes', async () => {
  const router = await RedisRouter.start(scope);
  const [listener, speaker] = [router.client().say('SUBSCRIBE moves/news'), router.client()];
  await listener.hears('[subscribe, moves/news, :1]');
  expect(await speaker.ask('PUBLISH moves/news one')).toBe(':1');
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  router.commit();
  await vi.waitFor(async () => expect(await speaker.ask('PUBLISH moves/news two')).toBe(':1'), PATIENCE);
  await listener.hears('[message, moves/news, one]', '[message, moves/news, two]');
  expect([router.shards[0].times('PUBLISH') > 0, router.shards[1].times('UNSUBSCRIBE')]).toEqual([true, 1]);
});

/** Keys that are s1's whatever version is served. */
async function keysOfS1(router: RedisRouter, count: number): Promise<string[]> {
  const client = router.client();
  const found: string[] = [];
  for (let i = 0; found.length < count; i++) {
    const key = `k${i}`;
    await client.ask(`SET ${key} 1`);
    if (router.shards[1].values.has(key)) found.push(key);
  }
  return found;
}

it('divides a command for one shard whose keys have two owners after the change', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const [key = ''] = await keysOfS1(router, 1);
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  const client = router.client().say(`MGET moves/a ${key} moves/b`, 'PING');
  const other = router.client().say(`MSETNX moves/a 1 ${key} 2`);
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(2), PATIENCE);
  s0.values.set('moves/b', 'here');
  router.commit();
  await client.hears('[nil, 1, here]', 'PONG');
  await other.hears("-CROSSSLOT Keys in request don't hash to the same slot");
  expect([s0.times('MGET'), s1.times('MGET')]).toEqual([1, 1]);
});

it('divides a part of a command whose keys have two owners after the change', async () => {
  const router = await RedisRouter.start(scope);
  const [key = ''] = await keysOfS1(router, 1);
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  const client = router.client().say(`MGET stays/a moves/a ${key} stays/b`);
  await vi.waitFor(() => expect(router.router.counters.holding).toBe(1), PATIENCE);
  router.shards[0].values.set('moves/a', 'here');
  router.commit();
  await client.hears('[nil, here, 1, nil]');
});

it('sends what a server has sent on during the hold to the owner of the next version', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  s1.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const client = router.client().say('INCR moves/a');
  await vi.waitFor(() => expect(s1.times('INCR')).toBe(1), PATIENCE);
  await router.step('stage');
  const held = router.step('hold');
  const slot = slotOf(Buffer.from('moves/a'), 0, 7);
  // Sent on to itself: what it says counts for its version, and the hold has begun.
  for (const { socket } of s1.connections) socket.write(errorReply(`MOVED ${slot} 127.0.0.1:${s1.port}`));
  expect(await held).toBe(true);
  expect(router.router.counters.holding).toBe(1);
  router.commit();
  await client.hears(':1');
  expect([s0.times('INCR'), s1.times('INCR')]).toEqual([1, 1]);
});

it('keeps what blocks behind a command before it during a change', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const [key = ''] = await keysOfS1(router, 1);
  s0.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const client = router.client().say('INCR stays/a', 'BLPOP moves/list 0');
  await vi.waitFor(() => expect(s0.times('INCR')).toBe(1), PATIENCE);
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step)).toBe(true);
  expect(router.router.counters.holding).toBe(0);
  router.commit();
  expect(await router.client().ask(`GET ${key}`)).toBe('1');
  expect(s0.times('BLPOP')).toBe(0);
  for (const { socket } of s0.connections) socket.write(integerReply(1));
  await vi.waitFor(() => expect(s0.times('BLPOP')).toBe(1), PATIENCE);
  expect(router.shards[1].times('BLPOP')).toBe(0);
  expect(await router.client().ask('RPUSH moves/list x')).toBe(':1');
  await client.hears(':1', '[moves/list, x]');
});

it('ends no wait of another client that comes after the one that had to leave', async () => {
  const router = await RedisRouter.start(scope);
  const [, s1] = router.shards;
  const [key = ''] = await keysOfS1(router, 1);
  let told: readonly string[] = [];
  s1.instead = (words) => {
    if (words[0] !== 'CLIENT' || words[1] !== 'UNBLOCK') return undefined;
    told = words;
    return null;
  };
  const client = router.client().say('BLPOP moves/list 0');
  await vi.waitFor(() => expect(s1.times('BLPOP')).toBe(1), PATIENCE);
  await router.step('stage');
  void router.step('drain');
  await vi.waitFor(() => expect(told).toHaveLength(3), PATIENCE);
  // An element comes before the server has read that the wait has to end.
  expect(await router.client().ask('SET stays/x 1')).toBe('OK');
  const blocked = [...s1.connections].find((each) => each.blockedOn !== null);
  expect(String(blocked?.id)).toBe(told[2]);
  if (blocked !== undefined) {
    blocked.blockedOn = null;
    blocked.socket.write('*2\r\n$10\r\nmoves/list\r\n$1\r\nx\r\n');
  }
  await client.hears('[moves/list, x]');
  router.client().say(`BLPOP ${key} 0`);
  await vi.waitFor(() => expect(s1.times('BLPOP')).toBe(2), PATIENCE);
  const next = [...s1.connections].find((each) => each.blockedOn === key);
  expect(next?.id).not.toBe(blocked?.id);
});

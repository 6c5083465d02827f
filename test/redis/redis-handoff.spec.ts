import { afterEach, expect, it, vi } from 'vitest';
import { OK } from '../../src/resp/index.ts';
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

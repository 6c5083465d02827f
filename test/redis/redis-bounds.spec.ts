import { afterEach, expect, it, vi } from 'vitest';
import { arrayReply, bulkReply, integerReply } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { allLimits } from '../support/router-settings.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

const MIB = 2 ** 20;
const TOO_LONG =
  '-ERR the answer is longer than what the router keeps until its turn, or until all shards have answered';

/** A router that keeps at most 1 MiB for a client. */
function start(limits: Partial<typeof allLimits> = {}): Promise<RedisRouter> {
  return RedisRouter.start(scope, { settings: { limits: { ...allLimits, maxUnsentBytes: MIB, ...limits } } });
}

function backlogOf({ router }: RedisRouter): number {
  return router.context.buffers.backlog.bytes;
}

it('answers with an error where several shards together answer more than is kept for a client', async () => {
  const router = await start();
  for (const shard of router.shards)
    shard.instead = ([name]) => (name === 'KEYS' ? arrayReply([bulkReply('k'.repeat(0.7 * MIB))]) : undefined);
  const client = router.client().say('KEYS *', 'PING', 'DBSIZE');
  await client.hears(TOO_LONG, 'PONG', ':0');
  await vi.waitFor(() => expect(backlogOf(router)).toBe(0), PATIENCE);
});

it('passes an answer of several shards on as its client takes it', async () => {
  const router = await start();
  for (const shard of router.shards)
    shard.instead = ([name]) => (name === 'KEYS' ? arrayReply([bulkReply('k'.repeat(0.4 * MIB))]) : undefined);
  const client = router.client();
  for (let i = 0; i < 5; i++) {
    client.say('KEYS *');
    await client.hears('(large)');
  }
  await vi.waitFor(() => expect(backlogOf(router)).toBe(0), PATIENCE);
});

it('answers with an error what does not fit in behind an earlier answer, and closes nothing', async () => {
  const router = await start();
  const [s0, s1] = router.shards;
  s0.instead = ([name]) => (name === 'INCR' ? null : undefined);
  s1.values.set('moves/big', 'v'.repeat(0.6 * MIB));
  const client = router.client().say('INCR stays/a', 'GET moves/big', 'GET moves/big', 'PING', 'GET moves/none');
  await vi.waitFor(() => expect(router.router.counters.refusals.too_long).toBe(1), PATIENCE);
  expect(backlogOf(router)).toBeLessThan(MIB);
  for (const { socket } of s0.connections) socket.write(integerReply(1));
  await client.hears(':1', '(large)', TOO_LONG, 'PONG', 'nil');
  expect(backlogOf(router)).toBe(0);
});

it('counts what it says itself behind an earlier answer', async () => {
  const router = await start();
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const echo = `ECHO ${'e'.repeat(50_000)}`;
  const client = router.client().say('INCR stays/a', ...Array.from({ length: 40 }, () => echo));
  await vi.waitFor(() => expect(backlogOf(router)).toBeGreaterThan(0.5 * MIB), PATIENCE);
  expect(backlogOf(router)).toBeLessThan(1.5 * MIB);
  for (const { socket } of s0.connections) socket.write(integerReply(1));
  await vi.waitFor(() => expect(client.heard).toHaveLength(41), PATIENCE);
  expect(client.heard.slice(1).every((each) => each === TOO_LONG || each.length === 50_000 || each === '(large)')).toBe(
    true,
  );
});

it('counts commands between MULTI and EXEC, messages behind half of an answer, and commands that are not whole', async () => {
  const router = await start();
  const [s0] = router.shards;
  const client = router.client();
  expect(await client.ask('MULTI')).toBe('OK');
  expect(await client.ask(`SET stays/a ${'v'.repeat(50_000)}`)).toBe('QUEUED');
  expect(backlogOf(router)).toBeGreaterThan(50_000);
  client.say('EXEC');
  await client.hears('[OK]');
  await vi.waitFor(() => expect(backlogOf(router)).toBe(0), PATIENCE);

  const half = router.client();
  half.socket.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000\r\n${'v'.repeat(30_000)}`);
  await vi.waitFor(() => expect(backlogOf(router)).toBeGreaterThanOrEqual(30_000), PATIENCE);
  half.socket.destroy();
  await vi.waitFor(() => expect(backlogOf(router)).toBe(0), PATIENCE);

  const listener = router.client();
  expect(await listener.ask('HELLO 3')).toContain('proto: :3');
  listener.say('SUBSCRIBE stays/news');
  await listener.hears('>[subscribe, stays/news, :1]');
  s0.instead = ([name]) => (name === 'GET' ? Buffer.from(`$300000\r\n${'v'.repeat(150_000)}`) : undefined);
  listener.say('GET stays/a');
  await vi.waitFor(() => expect(listener.socket.bytesRead).toBeGreaterThan(100_000), PATIENCE);
  const speaker = router.client();
  for (let i = 0; i < 100 && !listener.isClosed; i++) await speaker.ask(`PUBLISH stays/news ${'m'.repeat(20_000)}`);
  await vi.waitFor(() => expect(listener.isClosed).toBe(true), PATIENCE);
  expect(router.router.counters.floods.backlog).toBe(1);
  await vi.waitFor(() => expect(backlogOf(router)).toBe(0), PATIENCE);
});

it('has one client subscribe to no more names than are kept for it', async () => {
  const router = await start({ maxUnsentBytes: 100_000 });
  const client = router.client();
  const names = Array.from({ length: 500 }, (_, i) => `stays/${i}`);
  client.say(`SUBSCRIBE ${names.join(' ')}`);
  await vi.waitFor(() => expect(client.heard).toHaveLength(500), PATIENCE);
  const refused = client.heard.filter((each) => each.startsWith('-ERR too many channels'));
  expect(refused.length).toBeGreaterThan(100);
  expect(refused.length).toBeLessThan(400);
});

it('ends a large command whose content does not come', async () => {
  const router = await start({ requestContentTimeoutMs: 200 });
  const [s0] = router.shards;
  const client = router.client();
  client.socket.write(`*3\r\n$3\r\nSET\r\n$7\r\nstays/a\r\n$1000000\r\n${'v'.repeat(100_000)}`);
  await vi.waitFor(() => expect(s0.connections.size).toBe(1), PATIENCE);
  await client.hears("-ERR the command's content has hardly moved for 200 ms");
  await vi.waitFor(() => expect([client.isClosed, s0.connections.size]).toEqual([true, 0]), PATIENCE);
  expect(router.router.counters.floods.slow).toBe(1);
});

it('ends a large command at its shard where the rest breaks the protocol, or its client says no more', async () => {
  const router = await start();
  const [s0] = router.shards;
  const begin = `*3\r\n$3\r\nSET\r\n$7\r\nstays/a\r\n$100000\r\n${'v'.repeat(99_000)}`;
  const wrong = router.client();
  wrong.socket.write(`${begin}${'v'.repeat(1100)}`);
  await wrong.hears('-ERR Protocol error: invalid bulk length');
  await vi.waitFor(() => expect([wrong.isClosed, s0.connections.size]).toEqual([true, 0]), PATIENCE);
  const gone = router.client();
  gone.socket.write(begin);
  await vi.waitFor(() => expect(s0.connections.size).toBe(1), PATIENCE);
  gone.socket.end();
  await vi.waitFor(() => expect([gone.isClosed, s0.connections.size]).toEqual([true, 0]), PATIENCE);
  expect(s0.times('SET')).toBe(0);
});

it('leaves some connections of its own to each client, whatever one takes', async () => {
  const router = await RedisRouter.start(scope, { upstream: { limits: { connections: 32 } } });
  const [s0] = router.shards;
  const greedy = Array.from({ length: 64 }, (_, i) => router.client().say(`BLPOP stays/${i} 0`));
  await vi.waitFor(() => expect(s0.times('BLPOP')).toBeGreaterThan(20), PATIENCE);
  expect(await router.client().ask('GET stays/a')).toBe('nil');
  expect(s0.times('BLPOP')).toBeLessThan(32);
  greedy[0]?.socket.destroy();
  expect(await router.client().ask('GET stays/a')).toBe('nil');
});

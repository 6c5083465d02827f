import { afterEach, expect, it, vi } from 'vitest';
import { errorReply } from '../../src/resp/index.ts';
import { checkTopology, type SharedCluster, shareCluster, type TopologyVersion } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { FakeRedis } from './fake-redis.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** One shard, s0, at a server, with replicas. */
function tableWith(primary: FakeRedis, replicas: readonly FakeRedis[], version: number): SharedCluster {
  const nodes = replicas.map(({ port }, i) => ({ id: `${i}`.repeat(40), address: `127.0.0.1:${port}` }));
  const shards = [{ id: 's0', address: `127.0.0.1:${primary.port}`, replicas: nodes }];
  const topology = checkTopology({ cluster: 'cache', placement: { slots: {} }, shards }, 'the test');
  return shareCluster(topology, version as TopologyVersion);
}

/** A router before one shard with as many replicas. By version 2 its other server takes over. */
async function startWith(
  replicas: number,
  reads: 'preferReplica' | 'replica',
): Promise<{ router: RedisRouter; primary: FakeRedis; next: FakeRedis; replicas: readonly FakeRedis[] }> {
  const fakes = await Promise.all(Array.from({ length: replicas }, (_, i) => FakeRedis.start(scope, `r${i}`)));
  const router = await RedisRouter.start(scope, {
    entry: { reads },
    tableOf: ([s0]) => tableWith(s0, fakes, 1),
    nextTableOf: ([, next]) => tableWith(next, [], 2),
  });
  for (const fake of fakes) fake.values.set('a', 'of a replica');
  const [primary, next] = router.shards;
  return { router, primary, next, replicas: fakes };
}

it('has a replica answer what only reads, and the owner all else', async () => {
  const { router, primary, replicas } = await startWith(1, 'preferReplica');
  const client = router.client();
  client.say('SET a 1', 'GET a', 'MGET a b', 'INCR a', 'GETEX a');
  await client.hears('OK', 'of a replica', '[of a replica, nil]', ':2', "-ERR unknown command 'GETEX'");
  const told = replicas[0]?.told.map(({ words }) => words.join(' '));
  expect(told).toEqual(['READONLY', 'GET a', 'MGET a b']);
  expect(primary.times('READONLY')).toBe(0);
  expect(router.router.counters.shards[`cache/s0/${'0'.repeat(40)}`]?.requests).toBe(2);
});

it('has the owner answer what is part of a transaction, or behind WATCH', async () => {
  const { router, replicas } = await startWith(1, 'preferReplica');
  const client = router.client();
  client.say('SET a 1', 'MULTI', 'GET a', 'EXEC', 'WATCH a', 'GET a', 'MULTI', 'GET a', 'EXEC', 'GET a');
  await client.hears('OK', 'OK', 'QUEUED', '[1]', 'OK', '1', 'OK', 'QUEUED', '[1]', 'of a replica');
  expect(replicas[0]?.times('GET')).toBe(1);
});

it('reads from another server where a replica cannot be reached, and leaves that one alone for a while', async () => {
  const { router, primary, replicas } = await startWith(2, 'preferReplica');
  const client = router.client();
  expect(await client.ask('SET a 1')).toBe('OK');
  replicas[0]?.end();
  for (let i = 0; i < 50; i++) expect(await client.ask('GET a')).toBe('of a replica');
  replicas[1]?.end();
  for (let i = 0; i < 50; i++) expect(await client.ask('GET a')).toBe('1');
  expect(primary.times('GET')).toBe(50);
  const failures = Object.entries(router.router.counters.shards).map(([, { connectFailures }]) => connectFailures);
  expect(failures.reduce((sum, each) => sum + each, 0)).toBeLessThan(10);
});

it.each([
  'LOADING Redis is loading the dataset in memory',
  'MASTERDOWN Link with MASTER is down',
])('reads from the owner where a replica says %s', async (error) => {
  const { router, primary, replicas } = await startWith(1, 'preferReplica');
  for (const replica of replicas) replica.instead = ([name]) => (name === 'GET' ? errorReply(error) : undefined);
  primary.values.set('a', '1');
  expect(await router.client().ask('GET a')).toBe('1');
});

it('reads from the owner where a replica sends reads to it, and asks that replica no more for a while', async () => {
  const { router, primary, replicas } = await startWith(1, 'preferReplica');
  for (const replica of replicas)
    replica.instead = ([name]) => (name === 'GET' ? errorReply(`MOVED 15495 127.0.0.1:${primary.port}`) : undefined);
  primary.values.set('a', '1');
  const client = router.client();
  for (let i = 0; i < 20; i++) expect(await client.ask('GET a')).toBe('1');
  expect(replicas[0]?.times('GET')).toBeLessThan(10);
});

it('sends a read again whose connection to a replica was lost', async () => {
  const { router, primary, replicas } = await startWith(1, 'preferReplica');
  primary.values.set('a', '1');
  const [replica] = replicas as [FakeRedis];
  replica.instead = ([name]) => (name === 'GET' ? null : undefined);
  const client = router.client().say('GET a', 'PING');
  await vi.waitFor(() => expect(replica.times('GET')).toBe(1), PATIENCE);
  replica.end();
  await client.hears('1', 'PONG');
});

it('reads from nobody else where only replicas may be read from', async () => {
  const { router, primary, replicas } = await startWith(1, 'replica');
  primary.values.set('a', '1');
  const client = router.client();
  expect(await client.ask('GET a')).toBe('of a replica');
  replicas[0]?.end();
  expect(await client.ask('GET a')).toMatch(/^-ERR no replica of shard s0 .* can be asked/);
  expect(await client.ask('SET a 2')).toBe('OK');
  expect(primary.times('GET')).toBe(0);
});

it('has the shard fail over while a replica does not come to the end of an answer, and reads again from the server that takes over', async () => {
  const { router, next, replicas } = await startWith(1, 'preferReplica');
  const [replica] = replicas as [FakeRedis];
  replica.instead = ([name]) => (name === 'GET' ? Buffer.from('$1000\r\n') : undefined);
  next.values.set('a', 'of the next');
  const client = router.client().say('GET a');
  await vi.waitFor(() => expect(replica.times('GET')).toBe(1), PATIENCE);
  // Bytes keep coming, so that nobody takes it to be silent.
  const drip = setInterval(() => {
    for (const { socket } of replica.connections) socket.write('x');
  }, 100);
  scope.defer(() => clearInterval(drip));
  for (const step of ['stage', 'drain', 'hold'] as const) expect(await router.step(step, ['s0'])).toBe(true);
  router.commit();
  await client.hears('of the next');
});

it.each([
  ['has never answered', 0],
  ['has answered before', 1],
])('reads from the owner where the one replica hangs that %s', async (_what, answers) => {
  const { router, primary, replicas } = await startWith(1, 'preferReplica');
  const [replica] = replicas as [FakeRedis];
  primary.values.set('a', '1');
  const client = router.client();
  for (let i = 0; i < answers; i++) expect(await client.ask('GET a')).toBe('of a replica');
  replica.instead = ([name]) => (name === 'GET' ? null : undefined);
  client.say('GET a', 'PING');
  await client.hears('1', 'PONG');
  expect(replica.times('GET')).toBe(answers + 1);
});

import { afterEach, expect, it, vi } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { arrayReply, bulkReply, errorReply, integerReply } from '../../src/resp/index.ts';
import { checkTopology, shareCluster, type TopologyVersion } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

const SLOT_OF_MOVES_C = slotOf(Buffer.from('moves/c'), 0, 7);

it('answers in the order of the commands, confirmations of what it listens to included', async () => {
  const router = await RedisRouter.start(scope);
  const [, s1] = router.shards;
  s1.instead = ([name]) => (name === 'GET' ? null : undefined);
  const client = router.client();
  client.say('GET moves/a', 'UNSUBSCRIBE none', 'UNSUBSCRIBE', 'SUBSCRIBE stays/c stays/c', 'PING');
  client.say(
    'SUBSCRIBE moves/c',
    'UNSUBSCRIBE stays/c',
    'PUNSUBSCRIBE',
    'SUBSCRIBE moves/c stays/d',
    'UNSUBSCRIBE',
    'PING',
  );
  await vi.waitFor(() => expect(s1.times('GET')).toBe(1), PATIENCE);
  expect(client.heard).toEqual([]);
  for (const { socket } of s1.connections) socket.write(bulkReply('1'));
  await client.hears(
    ...['1', '[unsubscribe, none, :0]', '[unsubscribe, nil, :0]'],
    ...['[subscribe, stays/c, :1]', '[subscribe, stays/c, :1]', '[pong, ]'],
    ...['[subscribe, moves/c, :2]', '[unsubscribe, stays/c, :1]', '[punsubscribe, nil, :1]'],
    ...['[subscribe, moves/c, :1]', '[subscribe, stays/d, :2]'],
    ...['[unsubscribe, moves/c, :1]', '[unsubscribe, stays/d, :0]', 'PONG'],
  );
});

it('listens to nothing any more behind RESET, whatever was on its way', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const client = router.client().say('SUBSCRIBE stays/a', 'RESET', 'GET stays/a');
  await client.hears('[subscribe, stays/a, :1]', 'RESET', 'nil');
  await vi.waitFor(() => expect([...s0.connections].flatMap(({ channels }) => [...channels])).toEqual([]), PATIENCE);
});

it('tells a client what a shard has against its channel, of which it listens to the others', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name, channel]) =>
    name?.toUpperCase() === 'SUBSCRIBE' && channel === 'stays/no' ? errorReply('NOPERM no') : undefined;
  const client = router.client().say('SUBSCRIBE stays/no stays/yes', 'PING');
  await client.hears('-NOPERM no', '[subscribe, stays/yes, :1]', '[pong, ]');
  client.say('UNSUBSCRIBE stays/yes', 'GET stays/a');
  await client.hears('[unsubscribe, stays/yes, :0]', 'nil');
});

it('subscribes where a server sends it, and its client hears nothing of that', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const moved = errorReply(`MOVED ${SLOT_OF_MOVES_C} 127.0.0.1:${s0.port}`);
  s1.instead = ([name]) => (name === 'ssubscribe' ? moved : undefined);
  s0.instead = ([name, channel = '']) =>
    name === 'ssubscribe' ? arrayReply([bulkReply(name), bulkReply(channel), integerReply(1)]) : undefined;
  const client = router.client().say('SSUBSCRIBE moves/c', 'PING');
  await client.hears('[ssubscribe, moves/c, :1]', '[pong, ]');
  expect([s0.times('SSUBSCRIBE'), s1.times('SSUBSCRIBE')]).toEqual([1, 1]);
});

it('waits for a slot that is not served, and gives up what servers send round for ever, in words that are not theirs', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  let times = 0;
  s0.instead = ([name, channel = '']) => {
    if (name !== 'ssubscribe' && name !== 'sunsubscribe') return undefined;
    if (++times < 3) return errorReply('CLUSTERDOWN Hash slot not served');
    return arrayReply([bulkReply(name), bulkReply(channel), integerReply(1)]);
  };
  s1.instead = ([name]) =>
    name === 'ssubscribe' ? errorReply(`MOVED ${SLOT_OF_MOVES_C} 127.0.0.1:${s1.port}`) : undefined;
  const client = router.client().say('SSUBSCRIBE stays/c', 'PING', 'SUNSUBSCRIBE', 'PING');
  await client.hears('[ssubscribe, stays/c, :1]', '[pong, ]', '[sunsubscribe, stays/c, :0]', 'PONG');
  client.say('SSUBSCRIBE moves/c', 'PING');
  await client.hears('-TRYAGAIN the slot of the key is being moved; try again', '[pong, ]');
  expect(await client.ask('PING')).toBe('PONG');
  expect(s1.times('SSUBSCRIBE')).toBe(10);
});

/** Half of the slots for each server. */
function slots([s0, s1]: RedisRouter['shards']) {
  const shards = [
    { id: 's0', address: `127.0.0.1:${s0.port}`, slots: '0-8191' },
    { id: 's1', address: `127.0.0.1:${s1.port}`, slots: '8192-16383' },
  ];
  const topology = checkTopology({ cluster: 'cache', placement: { slots: {} }, shards }, 'the test');
  return shareCluster(topology, 1 as TopologyVersion);
}

it.each([
  ['stand alone', 'redis_mode:standalone', [1, 1]],
  ['are nodes of one cluster', 'redis_mode:cluster', [1, 0]],
  ['are nodes of Kvrocks', 'kvrocks_version:2.11.0\r\nredis_mode:cluster', [1, 1]],
])('subscribes to a pattern where it is heard: with slots, by whether the servers %s', async (_what, mode, times) => {
  const router = await RedisRouter.start(scope, { tableOf: slots });
  for (const shard of router.shards)
    shard.instead = ([name = '', pattern = '']) => {
      if (name === 'INFO') return bulkReply(`# Server\r\n${mode}\r\n`);
      const isConfirmed = name.toLowerCase().includes('subscribe');
      return isConfirmed ? arrayReply([bulkReply(name), bulkReply(pattern), integerReply(1)]) : undefined;
    };
  const client = router.client().say('PING', 'PSUBSCRIBE news.* other.*', 'PING');
  await client.hears('PONG', '[psubscribe, news.*, :1]', '[psubscribe, other.*, :2]', '[pong, ]');
  const told = (pattern: string) =>
    router.shards.map((shard) => shard.told.filter(({ words }) => words[1] === pattern).length);
  expect([told('news.*'), told('other.*')]).toEqual([times, times]);
  // Of its keys each server tells its own clients alone.
  client.say('PSUBSCRIBE __keyspace@0__:*', 'SUBSCRIBE __keyevent@0__:expired');
  await client.hears('[psubscribe, __keyspace@0__:*, :3]', '[subscribe, __keyevent@0__:expired, :4]');
  await vi.waitFor(
    () =>
      expect([told('__keyspace@0__:*'), told('__keyevent@0__:expired')]).toEqual([
        [1, 1],
        [1, 1],
      ]),
    PATIENCE,
  );
  expect(router.shards.reduce((sum, shard) => sum + shard.times('INFO'), 0)).toBe(1);
});

it('answers once where the server is lost that is asked what kind it is', async () => {
  const router = await RedisRouter.start(scope, { tableOf: slots });
  const [s0] = router.shards;
  s0.instead = ([name = '', pattern = '']) => {
    if (name.toLowerCase() === 'psubscribe') return arrayReply([bulkReply(name), bulkReply(pattern), integerReply(1)]);
    if (name !== 'INFO') return undefined;
    for (const { socket } of s0.connections) socket.destroy();
    return null;
  };
  const client = router.client().say('PSUBSCRIBE news.*', 'PING');
  await client.hears('[psubscribe, news.*, :1]', '[pong, ]');
});

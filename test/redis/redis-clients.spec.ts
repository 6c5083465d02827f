import { once } from 'node:events';
import { afterEach, expect, it, vi } from 'vitest';
import { bulkReply } from '../../src/resp/index.ts';
import { checkTopology, shareCluster, type TopologyVersion } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { allLimits } from '../support/router-settings.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Two servers with half of the slots each. */
function slots([s0, s1]: RedisRouter['shards']) {
  const shards = [
    { id: 's0', address: `127.0.0.1:${s0.port}` },
    { id: 's1', address: `127.0.0.1:${s1.port}` },
  ];
  const topology = checkTopology({ cluster: 'cache', placement: { slots: {} }, shards }, 'the test');
  return shareCluster(topology, 1 as TopologyVersion);
}

/** The fields of each line that CLIENT LIST answers. */
async function listed(client: RedisClient, filter = ''): Promise<Array<Record<string, string>>> {
  const text = await client.ask(`CLIENT LIST${filter}`);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => Object.fromEntries(line.split(' ').map((field) => field.split('='))));
}

it('lists the clients of an address, with what they do', async () => {
  const router = await RedisRouter.start(scope);
  const [one, two] = [router.client(), router.client()];
  const ids = [await one.ask('CLIENT ID'), await two.ask('CLIENT ID')].map((id) => id.slice(1));
  await one.ask('CLIENT SETNAME first');
  two.say('SUBSCRIBE stays/news stays/more');
  await two.hasHeard(2);
  expect(await listed(one)).toMatchObject([
    { id: ids[0], name: 'first', cmd: 'client|list', flags: 'N', sub: '0', multi: '-1', user: 'default', resp: '2' },
    { id: ids[1], name: '', cmd: 'subscribe', flags: 'P', sub: '2' },
  ]);
  const [{ addr, laddr }] = (await listed(one, ` ID ${ids[0]}`)) as [Record<string, string>];
  expect([addr, laddr]).toEqual([`127.0.0.1:${one.socket.localPort}`, `127.0.0.1:${router.port}`]);
  expect((await listed(one, ' TYPE pubsub')).map(({ id }) => id)).toEqual([ids[1]]);
  expect(await one.ask('CLIENT LIST TYPE x')).toBe("-ERR Unknown client type 'x'");
  expect(await one.ask('CLIENT LIST ID x')).toBe('-ERR Invalid client ID');
  one.say('MULTI', 'SET stays/a 1', 'DISCARD', 'INFO clients');
  await one.hasHeard(4);
  expect(one.heard.at(-1)).toContain('connected_clients:2');
});

it('ends clients that are named by their address or by filters, itself last', async () => {
  const router = await RedisRouter.start(scope);
  const [one, two, three] = [router.client(), router.client(), router.client()];
  const [id, addr] = [(await two.ask('CLIENT ID')).slice(1), `127.0.0.1:${three.socket.localPort}`];
  await three.ask('PING');
  expect(await one.ask('CLIENT KILL 127.0.0.1:1')).toBe('-ERR No such client');
  expect(await one.ask('CLIENT KILL ID 0')).toBe('-ERR client-id should be greater than 0');
  expect(await one.ask(`CLIENT KILL ID ${id} TYPE pubsub`)).toBe(':0');
  expect(await one.ask(`CLIENT KILL ID ${id} USER default`)).toBe(':1');
  expect(await one.ask(`CLIENT KILL ${addr}`)).toBe('OK');
  await vi.waitFor(() => expect([two.isClosed, three.isClosed]).toEqual([true, true]), PATIENCE);
  expect(await one.ask('CLIENT KILL TYPE normal')).toBe(':0');
  one.say('CLIENT KILL TYPE normal SKIPME no');
  await one.hears(':1');
  await vi.waitFor(() => expect(one.isClosed).toBe(true), PATIENCE);
});

it('lists clients some at a time, so that others are served, and no list is larger than what is kept for a client', async () => {
  const router = await RedisRouter.start(scope, {
    settings: { limits: { ...allLimits, maxUnsentBytes: 200_000 } },
  });
  const many = Array.from({ length: 700 }, () => router.client());
  await Promise.all(many.map((client) => once(client.socket, 'connect')));
  const [one, two] = [router.client(), router.client()];
  await two.ask('PING');
  await one.ask('INFO clients');
  one.say(...Array.from({ length: 50 }, () => 'CLIENT LIST'), 'PING');
  await two.ask('SET stays/a 1');
  expect(one.heard.length).toBeLessThan(50);
  await one.hasHeard(51);
  expect(one.heard.every((each) => each.length < 200_000)).toBe(true);
  expect(one.heard.at(-1)).toBe('PONG');
  expect(router.router.context.buffers.backlog.bytes).toBe(0);
  // With a name of some length the list has no room.
  for (const client of many.slice(0, 300)) client.say(`CLIENT SETNAME ${'n'.repeat(500)}`);
  await Promise.all(many.slice(0, 300).map((client) => client.hasHeard(1)));
  one.heard.length = 0;
  one.say('CLIENT LIST', 'CLIENT LIST TYPE pubsub', 'PING');
  await one.hasHeard(3);
  expect(one.heard[0]).toMatch(/^-ERR the answer is longer than what the router keeps/);
  expect(one.heard.slice(1)).toEqual(['', 'PONG']);
  expect(router.router.context.buffers.backlog.bytes).toBe(0);
});

it('sorts by other keys only where one server has them all', async () => {
  const router = await RedisRouter.start(scope, { tableOf: slots });
  for (const shard of router.shards)
    shard.instead = ([name]) => (/^sort/i.test(name ?? '') ? bulkReply('sorted') : undefined);
  const client = router.client();
  const crossSlot = "-CROSSSLOT Keys in request don't hash to the same slot";
  for (const [line, answer] of [
    ['SORT list', 'sorted'],
    ['SORT list BY nosort GET #', 'sorted'],
    ['SORT list BY weight_*', crossSlot],
    ['SORT_RO list GET object_*->name', crossSlot],
    ['SORT {t}list BY {t}weight_* GET {t}object_*->name', 'sorted'],
    // What `*` stands for may hold a tag itself.
    ['SORT {t}list BY weight_*{t}', crossSlot],
    ['SORT {t}list LIMIT 0 5 GET {b}*', crossSlot],
  ])
    expect([line, await client.ask(line as string)]).toEqual([line, answer]);
  client.say('MULTI', 'SORT list BY weight_*', 'EXEC');
  await client.hasHeard(3);
  expect(client.heard.slice(1)).toEqual([crossSlot, '-EXECABORT Transaction discarded because of previous errors.']);
});

/** Users whose prefixes the router puts on and takes off share servers: each finds what it would find on servers of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Reply, RespClient } from '../../src/resp/index.ts';
import { startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { RedisClient } from './redis-client.ts';
import { startRedis } from './redis-server.ts';

const scope = new Scope();
const TENANTS = ['a', 'b'] as const;
type Tenant = (typeof TENANTS)[number];
const PREFIXES: Readonly<Record<Tenant, string>> = { a: 'a:', b: 'b[?]:' };
let router = 0;
let shards: readonly number[] = [];
let privates: Readonly<Record<Tenant, number>> = { a: 0, b: 0 };
beforeAll(async () => {
  const args = ['--notify-keyspace-events', 'KEA'];
  const started = await Promise.all(Array.from({ length: 5 }, () => startRedis(scope, { args })));
  const [a = 0, b = 0, ...others] = started.map(({ port }) => port);
  privates = { a, b };
  shards = others;
  const passwordFile = join(scope.folder(), 'password');
  writeFileSync(passwordFile, 'sesame');
  const users = TENANTS.map((name) => ({ name, passwordFile, prefix: PREFIXES[name], scripts: 'trusted' }));
  const setup = { routes: [], upstream: { protocol: 'redis' }, cluster: { placement: { slots: {} } } };
  const listener = { redis: { cluster: 'docs', users: [...users, { name: 'plain', passwordFile, prefix: 'p:' }] } };
  ({ port: router } = await startRouter(scope, { ...setup, listener, shards }));
});
afterAll(() => scope.release());

async function connected(port: number, protocol: 2 | 3, username?: string): Promise<RespClient> {
  const login = username === undefined ? null : { username, password: 'sesame' };
  const client = await RespClient.connect({ target: { host: '127.0.0.1', port }, certificates: null }, login, 20_000);
  await client.ask(['HELLO', String(protocol)]);
  scope.defer(() => client.close());
  return client;
}

/** Names that look like those of others, and tags that decide about slots. All that one command names is on one shard. */
const key = fc.constantFrom('{t}1', '{t}2', 'a:{t}3', 'b[?]:{t}4', '{t}*');
const member = fc.constantFrom('1', '2', 'a:', 'b[?]:{t}4');
const id = fc.integer({ min: 1, max: 99 }).map(String);
const pattern = fc.constantFrom('*', '{t}?', 'a:*', '\\{t}1', 'b\\[?\\]:*', '{t}[12]', '{t}\\*', '');
const script = 'return {redis.call("exists", KEYS[1]), ARGV[1]}';
const words = (...parts: Array<string | fc.Arbitrary<string>>): fc.Arbitrary<string[]> =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)));

const command = fc.oneof(
  words('SET', key, member),
  words('GET', key),
  words('MSET', key, member, key, member),
  words('MGET', key, key, 'alone'),
  words('DEL', key, 'alone'),
  words('EXISTS', key, key),
  words('TYPE', key),
  words('OBJECT', 'ENCODING', key),
  words('RENAME', key, key),
  words('COPY', key, key, 'REPLACE'),
  words('RPUSH', key, member, member),
  words('LRANGE', key, '0', '-1'),
  words('LMOVE', key, key, 'LEFT', 'RIGHT'),
  words('LMPOP', '2', key, key, 'LEFT', 'COUNT', '2'),
  words('BLPOP', key, key, '0.01'),
  words('BLMPOP', '0.01', '2', key, key, 'RIGHT'),
  words('SADD', key, '1', '2'),
  words('SUNIONSTORE', key, key, key),
  words('ZADD', key, '1', member, '2', member),
  words('ZUNIONSTORE', key, '2', key, key, 'WEIGHTS', '1', '2'),
  words('ZMPOP', '2', key, key, 'MAX'),
  words('BZPOPMIN', key, key, '0.01'),
  words('XADD', key, id, 'f', member),
  words('XGROUP', 'CREATE', key, 'g', '0', 'MKSTREAM'),
  words('XREAD', 'COUNT', '2', 'STREAMS', key, key, '0', '0'),
  words('XREAD', 'BLOCK', '10', 'STREAMS', key, '0'),
  words('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', key, key, '>', '>'),
  words('SORT', key, 'BY', '{t}*', 'GET', '#', 'GET', '{t}*', 'ALPHA', 'STORE', key),
  words('SORT', key, 'ALPHA', 'GET', '{t}*'),
  words('GEOADD', key, '1', '2', member),
  words('GEORADIUS', key, '1', '2', '3', 'km', 'STORE', key),
  words('EVAL', script, '1', key, member),
  words('COMMAND', 'GETKEYS', 'GET', key),
  words('KEYS', pattern),
  words('SCAN', '0', 'MATCH', pattern, 'COUNT', '1000'),
  words('SCAN', '0', 'COUNT', '1000'),
  words('PUBSUB', 'NUMSUB', key),
  words('PUBSUB', 'CHANNELS'),
  words('NOSUCH', key),
  words('GET', key, key),
);
const transaction = fc.array(command, { minLength: 1, maxLength: 4 }).map((commands) => [
  ['MULTI'],
  // Not of one shard, and no part of a transaction through Keyway.
  ...commands.filter(([name = '', ...rest]) => !/^(keys|scan|pubsub)$/i.test(name) && !rest.includes('alone')),
  ['EXEC'],
]);
/** What SORT reads by patterns has to be there, which random commands seldom see to. */
const sortedByPattern = fc.tuple(member, member).map(([one, other]) => [
  ['DEL', 'a:{t}3', '{t}1'],
  ['SET', '{t}1', one],
  ['RPUSH', 'a:{t}3', '1', other],
  ['SORT', 'a:{t}3', 'BY', 'nosort', 'GET', '{t}*', 'GET', '#'],
]);
const step = fc.tuple(
  fc.constantFrom(...TENANTS),
  fc.oneof({ weight: 6, arbitrary: command.map((each) => [each]) }, transaction, sortedByPattern),
);

/** A reply to compare: what servers have in no order is put in one. */
function shown([name = '']: readonly string[], reply: Reply): string {
  const sorted = (value: Reply): Reply =>
    value.type === 'array' || value.type === 'set'
      ? { type: 'array', items: [...value.items].sort((one, other) => (text(one) < text(other) ? -1 : 1)) }
      : value;
  if (name === 'KEYS') return text(sorted(reply));
  if (name !== 'SCAN' || reply.type !== 'array') return text(reply);
  return text(sorted(reply.items[1] as Reply));
}

function text(reply: Reply): string {
  return JSON.stringify(reply, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

it('answers each of two tenants what servers of its own would, whatever the other does', async () => {
  const direct = await Promise.all([...shards, privates.a, privates.b].map((port) => connected(port, 2)));
  const protocols = { a: 2, b: 3 } as const;
  const clients = {
    a: [await connected(router, protocols.a, 'a'), await connected(privates.a, protocols.a)],
    b: [await connected(router, protocols.b, 'b'), await connected(privates.b, protocols.b)],
  } as const;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      await Promise.all(direct.map((client) => client.ask(['FLUSHALL'])));
      for (const [tenant, commands] of steps)
        for (const each of commands) {
          const [through, itself] = await Promise.all(clients[tenant].map((client) => client.ask(each)));
          expect(`${each.join(' ')}: ${shown(each, through as Reply)}`).toBe(
            `${each.join(' ')}: ${shown(each, itself as Reply)}`,
          );
        }
      for (const client of direct.slice(0, shards.length)) {
        const keys = await client.ask(['KEYS', '*']);
        const foreign = keys.type === 'array' ? keys.items.filter((one) => !isOfATenant(one)) : [keys];
        expect(foreign.map(text)).toEqual([]);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

function isOfATenant(one: Reply): boolean {
  return one.type === 'bulk' && TENANTS.some((tenant) => one.bytes.toString().startsWith(PREFIXES[tenant]));
}

async function entered(user: string): Promise<RedisClient> {
  const client = new RedisClient(scope, router);
  expect(await client.ask(`AUTH ${user} sesame`)).toBe('OK');
  return client;
}

it('keeps channels, patterns and the events of keys apart', async () => {
  const [listener, other, writer] = [await entered('a'), await entered('b'), await entered('a')];
  for (const client of [listener, other])
    for (const [subscribe, confirmed] of [
      ['SUBSCRIBE news', '[subscribe, news, :1]'],
      ['SUBSCRIBE __keyspace@0__:k', '[subscribe, __keyspace@0__:k, :2]'],
      ['PSUBSCRIBE n*', '[psubscribe, n*, :3]'],
      ['PSUBSCRIBE __keyspace@*__:k*', '[psubscribe, __keyspace@*__:k*, :4]'],
      ['SSUBSCRIBE news', '[ssubscribe, news, :1]'],
    ] as const)
      expect(await client.ask(subscribe)).toBe(confirmed);
  expect(await writer.ask('PUBSUB CHANNELS')).toBe('[news]');
  expect(await writer.ask('PUBSUB SHARDCHANNELS n*')).toBe('[news]');
  expect(await writer.ask('PUBSUB NUMSUB news none')).toBe('[news, :1, none, :0]');
  expect(await writer.ask('PUBLISH news a:x')).toBe(':2');
  await listener.hasHeard(2);
  expect(listener.heard.splice(0).sort()).toEqual(['[message, news, a:x]', '[pmessage, n*, news, a:x]']);
  expect(await writer.ask('SPUBLISH news y')).toBe(':1');
  await listener.hears('[smessage, news, y]');
  expect(await writer.ask('SET k 1')).toBe('OK');
  await listener.hasHeard(2);
  expect(listener.heard.splice(0).sort()).toEqual([
    '[message, __keyspace@0__:k, set]',
    '[pmessage, __keyspace@*__:k*, __keyspace@0__:k, set]',
  ]);
  listener.say('UNSUBSCRIBE news', 'PUNSUBSCRIBE n*', 'PING');
  await listener.hears('[unsubscribe, news, :3]', '[punsubscribe, n*, :2]', '[pong, ]');
  // Nothing of all that was for the other tenant.
  other.say('PING');
  await other.hears('[pong, ]');
});

it('refuses what cannot be kept apart, and says why', async () => {
  const client = await entered('plain');
  const aboutAll = (name: string): string =>
    `-NOPERM ${name} is about the keys of all users, and user plain has its own only`;
  for (const name of ['FLUSHALL', 'FLUSHDB', 'DBSIZE', 'RANDOMKEY', 'SLOWLOG GET', 'FUNCTION LIST', 'SCRIPT FLUSH'])
    expect(await client.ask(name)).toBe(aboutAll(name));
  const script = '-NOPERM a script may reach the keys of others, and user plain has its own only';
  for (const command of ['EVAL x 1 k', 'EVALSHA x 0', 'FCALL f 0', 'SCRIPT LOAD x'])
    expect(await client.ask(command)).toBe(script);
  expect(await client.ask('SUBSCRIBE __keyevent@0__:set')).toMatch(
    /^-NOPERM the channel is about the keys of all users/,
  );
  expect(await client.ask('PSUBSCRIBE __key*')).toMatch(/^-NOPERM the channel is about the keys of all users/);
  expect(await client.ask('ZUNIONSTORE d x k')).toMatch(/^-ERR syntax error: the keys of the command cannot be told/);
  for (const command of ['MONITOR', 'SWAPDB 0 1', 'MOVE k 1'])
    expect(await client.ask(command)).toContain('is refused:');
  expect(await client.ask('PING')).toBe('PONG');
});

it('keeps tenants apart that become each other, and passes on large values as they come', async () => {
  const client = await entered('a');
  const value = 'v'.repeat(3_000_000);
  client.say(`SET large ${value}`, 'STRLEN large', 'MULTI', 'APPEND large x', 'AUTH b sesame');
  await client.hears('OK', ':3000000', 'OK', 'QUEUED', '-ERR AUTH cannot be part of a transaction through Keyway');
  client.say('DISCARD', 'AUTH b sesame', 'EXISTS large', 'SUBSCRIBE c');
  await client.hears('OK', 'OK', ':0', '[subscribe, c, :1]');
  client.say('RESET', 'AUTH a sesame', 'EXISTS large', 'HELLO 3', 'SUBSCRIBE c', 'AUTH b sesame', 'DEL large');
  await client.hasHeard(7);
  const [reset, , exists, , subscribed, auth, deleted] = client.heard.splice(0);
  expect([reset, exists, subscribed, deleted]).toEqual(['RESET', ':1', '>[subscribe, c, :1]', ':1']);
  expect(auth).toMatch(/^-ERR a client that has subscribed to something cannot become a user with other names/);
});

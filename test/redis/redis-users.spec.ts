import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../support/processes.ts';
import { allLimits } from '../support/router-settings.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NO_KEY = '-NOPERM No permissions to access a key';
const NO_CHANNEL = '-NOPERM No permissions to access a channel';
const notAllowed = (command: string): string => `-NOPERM User app has no permissions to run the '${command}' command`;

const start = (app: object, password?: string): Promise<RedisRouter> =>
  RedisRouter.start(scope, {
    ...(password === undefined ? {} : { password }),
    entry: {
      users: [
        { name: 'app', password: 'secret', ...app },
        { name: 'other', password: 'another' },
      ],
    },
  });

it('lets in whom it knows, by name and password, and says who a client is', async () => {
  const router = await start({});
  const [client, other] = [router.client(), router.client()];
  const wrong = '-WRONGPASS invalid username-password pair or user is disabled.';
  client.say('GET stays/a', 'AUTH secret', 'AUTH app another', 'AUTH default secret', 'AUTH app secret', 'ACL WHOAMI');
  await client.hears('-NOAUTH Authentication required.', wrong, wrong, wrong, 'OK', 'app');
  expect(await other.ask('HELLO 3 AUTH other another')).toContain('proto: :3');
  expect(await other.ask('CLIENT LIST')).toMatch(/user=app .*\n.*user=other /);
  expect(await other.ask('CLIENT KILL USER nobody')).toBe("-ERR No such user 'nobody'");
  expect(await other.ask('CLIENT KILL USER app')).toBe(':1');
  other.say('RESET', 'GET stays/a');
  await other.hears('RESET', '-NOAUTH Authentication required.');
});

it('keeps a user to keys and channels that begin with its prefixes', async () => {
  const router = await start({ prefixes: ['stays/app:', 'moves/app:'] }, 'sesame');
  const client = router.client();
  expect(await client.ask('AUTH app secret')).toBe('OK');
  client.say(
    'SET stays/app:a 1',
    'MSET stays/app:b 2 moves/app:c 3',
    'MGET stays/app:a moves/app:c',
    'DEL moves/app:c',
  );
  await client.hears('OK', 'OK', '[1, 3]', ':1');
  client.say('SET stays/a 1', 'MSET stays/app:b 2 moves/c 3', 'GET stays/app', 'RENAME stays/app:a stays/b', 'WATCH x');
  await client.hears(...Array.from({ length: 5 }, () => NO_KEY));
  client.say('MULTI', 'SET stays/app:a 2', 'GET stays/a', 'EXEC', 'GET stays/app:a');
  await client.hears('OK', 'QUEUED', NO_KEY, '-EXECABORT Transaction discarded because of previous errors.', '1');
  client.say('PUBLISH stays/app:news x', 'PUBLISH stays/news x', 'PSUBSCRIBE stays/*', 'SUBSCRIBE stays/app:a other');
  await client.hears(':0', NO_CHANNEL, NO_CHANNEL, NO_CHANNEL);
  const [s0] = router.shards;
  expect(s0.told.some(({ words }) => words.includes('stays/a'))).toBe(false);
});

it('shows a user with prefixes nothing of what others have', async () => {
  const router = await start({ prefixes: ['stays/app:'] });
  const [client, other] = [router.client(), router.client()];
  expect(await other.ask('AUTH other another')).toBe('OK');
  expect(await client.ask('AUTH app secret')).toBe('OK');
  for (const [command, answer] of [
    ['KEYS *', NO_KEY],
    ['KEYS stays/*', NO_KEY],
    ['KEYS stays/app:*', '[]'],
    ['SCAN 0', NO_KEY],
    ['SCAN 0 MATCH stays/app:* COUNT 5', '[0, []]'],
    ['SCAN 0 MATCH stays/app:* MATCH *', NO_KEY],
    ['SORT stays/app:a BY x_*', NO_KEY],
    ...['FLUSHALL', 'DBSIZE', 'RANDOMKEY'].map((name) => [name, notAllowed(name.toLowerCase())] as const),
    ['SLOWLOG GET', notAllowed('slowlog|get')],
    ['PUBSUB CHANNELS', notAllowed('pubsub|channels')],
    ['EVAL x 1 stays/app:a', notAllowed('eval')],
    ['SCRIPT LOAD x', notAllowed('script|load')],
    ['FUNCTION LIST', notAllowed('function|list')],
    ['CLIENT KILL USER other', "-ERR No such user 'other'"],
  ] as const)
    expect([command, await client.ask(command)]).toEqual([command, answer]);
  expect(await client.ask('CLIENT LIST')).not.toContain('user=other');
});

it('tells a user who sees no others how many clients are its own', async () => {
  const router = await start({ prefix: 'stays/app:' });
  const clients = [router.client(), router.client(), router.client()] as const;
  for (const client of clients.slice(0, 2)) expect(await client.ask('AUTH other another')).toBe('OK');
  expect(await clients[2].ask('AUTH app secret')).toBe('OK');
  clients[2].say('INFO clients', 'PING');
  await clients[2].hears('# Clients\r\nconnected_clients:1\r\n', 'PONG');
  expect(await clients[0].ask('INFO clients')).toBe('# Clients\r\nconnected_clients:3\r\n');
});

it('keeps a user to the commands of its terms, each in its turn', async () => {
  const router = await start({ commands: '+@read +@connection +set -@dangerous -mget' });
  const client = router.client();
  expect(await client.ask('AUTH app secret')).toBe('OK');
  client.say('SET stays/a 1', 'GET stays/a', 'MGET stays/a', 'KEYS *', 'INCR stays/a', 'PING', 'NOSUCH');
  await client.hears(
    ...['OK', '1', notAllowed('mget'), notAllowed('keys'), notAllowed('incr'), 'PONG'],
    "-ERR unknown command 'NOSUCH', with args beginning with: ",
  );
  expect(router.router.counters.refusals.not_permitted).toBe(3);
});

it('takes no terms that mean nothing, and changes nothing then', async () => {
  await expect(start({ commands: '+@reads' })).rejects.toThrow('"+@reads" is no term of an ACL');
  const router = await start({});
  const wrong = { users: [{ name: 'app', password: 'secret', commands: '+@reads' }] };
  await expect(router.reconfigure(wrong)).rejects.toThrow('"+@reads" is no term of an ACL');
  expect(await router.client().ask('AUTH app secret')).toBe('OK');
});

it('ends clients of users that are no more, or may do something else, and no others', async () => {
  const router = await start({});
  const clients = [router.client(), router.client(), router.client()] as const;
  const users = ['app secret', 'other another', 'other another'];
  for (const [i, client] of clients.entries()) expect(await client.ask(`AUTH ${users[i]}`)).toBe('OK');
  const other = { name: 'other', password: 'another' };
  await router.reconfigure({ users: [{ name: 'app', password: 'secret', prefixes: ['stays/app:'] }, other] });
  await vi.waitFor(() => expect(clients.map(({ isClosed }) => isClosed)).toEqual([true, false, false]));
  await router.reconfigure({ users: [other], slowAfterMs: 5 });
  expect(await clients[1].ask('SET stays/a 1')).toBe('OK');
  await router.reconfigure({ users: [{ ...other, name: 'another' }] });
  await vi.waitFor(() => expect(clients.map(({ isClosed }) => isClosed)).toEqual([true, true, true]));
});

it('passes a large value of a user on as it comes, and refuses one that is not its own', async () => {
  const router = await start({ prefixes: ['stays/app:'] });
  const client = router.client();
  expect(await client.ask('AUTH app secret')).toBe('OK');
  const value = 'v'.repeat(6_000_000);
  client.say(`SET stays/app:big ${value}`);
  await client.hears('OK');
  expect(router.shards[0].values.get('stays/app:big')?.length).toBe(value.length);
  client.say(`SET stays/other ${'v'.repeat(100_000)}`, 'PING');
  await client.hears(NO_KEY, 'PONG');
});

it('refuses what would become too long by a prefix, and leaves the connection alone that all users share', async () => {
  const prefix = `stays/${'p'.repeat(122)}`;
  const users = [
    { name: 'app', password: 'secret', prefix },
    { name: 'other', password: 'another' },
  ];
  const limits = { ...allLimits, maxUnsentBytes: 2 ** 20 };
  const router = await RedisRouter.start(scope, { settings: { limits }, entry: { users } });
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'INCR' ? null : undefined);
  const [client, other] = [router.client(), router.client()];
  expect(await client.ask('AUTH app secret')).toBe('OK');
  expect(await other.ask('AUTH other another')).toBe('OK');
  other.say('INCR stays/a');
  await vi.waitFor(() => expect(s0.times('INCR')).toBe(1));
  const keys = 40_000;
  // A quarter of what may wait for a shard is more than it takes; a shard would get five times as much as may wait.
  const exists = `*${1 + keys}\r\n$6\r\nEXISTS\r\n${'$0\r\n\r\n'.repeat(keys)}`;
  client.socket.write(exists);
  await client.hears('-ERR the command is longer than the router takes');
  expect(await client.ask('MULTI')).toBe('OK');
  client.socket.write(exists);
  await client.hears('-ERR the command is longer than the router takes');
  expect(await client.ask('EXEC')).toBe('-EXECABORT Transaction discarded because of previous errors.');
  for (const { socket } of s0.connections) socket.write(':1\r\n');
  await other.hears(':1');
  expect(s0.times('EXISTS')).toBe(0);
});

import { afterEach, expect, it, vi } from 'vitest';
import { errorReply } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('sends each command to the owner of its key, and answers in the order of the commands', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  const client = router.client();
  client.say('SET stays/a 1', 'SET moves/a 2', 'GET moves/a', 'PING', 'GET stays/a', 'GET stays/none', 'ECHO x');
  await client.hears('OK', 'OK', '2', 'PONG', '1', 'nil', 'x');
  expect([...s0.values, ...s1.values].flat()).toEqual(['stays/a', '1', 'moves/a', '2']);
  expect(router.router.counters.shards['cache/s1']?.requests).toBe(2);
  expect(router.router.counters.routes['cache GET']?.requests).toBe(3);
});

it('shares one connection to each shard between its clients, and writes to it once a turn', async () => {
  const router = await RedisRouter.start(scope);
  const clients = Array.from({ length: 20 }, () => router.client());
  await Promise.all(clients.map((client, i) => client.say(`SET stays/${i} x`, 'GET stays/0').hears('OK', 'x')));
  expect(router.shards[0].connections.size).toBe(1);
});

it('speaks RESP3 with clients that ask for it, and takes lines as commands', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  expect(await client.ask('HELLO 3 SETNAME me')).toContain('proto: :3');
  expect(await client.ask('CLIENT GETNAME')).toBe('me');
  expect(await client.ask('HELLO 4')).toBe('-NOPROTO unsupported protocol version');
  client.socket.write('GET stays/none\r\n');
  await client.hears('nil');
  expect(router.shards[0].told.map(({ words }) => words.join(' '))).toEqual(['HELLO 3', 'GET stays/none']);
});

it('asks for its password, and takes no command before', async () => {
  const router = await RedisRouter.start(scope, { password: 'sesame' });
  const client = router.client();
  client.say('GET stays/a', 'AUTH wrong', 'AUTH sesame', 'GET stays/a');
  const wrong = '-WRONGPASS invalid username-password pair or user is disabled.';
  await client.hears('-NOAUTH Authentication required.', wrong, 'OK', 'nil');
  expect(await router.client().ask('HELLO 3 AUTH default sesame')).toContain('proto: :3');
});

it('logs in to shards before it sends them a command', async () => {
  const router = await RedisRouter.start(scope, { upstream: { login: { username: 'router', password: 'pw' } } });
  expect(await router.client().ask('GET stays/a')).toBe('nil');
  expect(router.shards[0].told.map(({ words }) => words.join(' '))).toEqual(['AUTH router pw', 'GET stays/a']);
});

it('answers what it refuses with an error, and goes on', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say('NOSUCH a b', 'GET', 'SELECT 1', 'DEBUG SLEEP 1', 'RENAME stays/a moves/a', 'EXEC', 'GET stays/a');
  await vi.waitFor(() => expect(client.heard).toHaveLength(7), PATIENCE);
  expect(client.heard.map((each) => each.split(' ')[0])).toEqual([
    '-ERR',
    '-ERR',
    '-ERR',
    '-ERR',
    '-CROSSSLOT',
    '-ERR',
    'nil',
  ]);
  expect(client.heard.slice(0, 2)).toEqual([
    "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ",
    "-ERR wrong number of arguments for 'get' command",
  ]);
});

it('carries out nothing that an HTTP request brings', async () => {
  const router = await RedisRouter.start(scope);
  for (const first of ['POST / HTTP/1.1', 'GET / HTTP/1.1\r\nHost: localhost']) {
    const client = router.client();
    client.socket.write(`${first}\r\nContent-Length: 20\r\n\r\nSET stays/a 1\r\n`);
    await vi.waitFor(() => expect(client.isClosed).toBe(true), PATIENCE);
  }
  expect(await router.client().ask('GET stays/a')).toBe('nil');
});

it('answers a command whose connection is lost with an error, and does not send it again', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const client = router.client();
  expect(await client.ask('GET stays/a')).toBe('nil');
  s0.instead = (words) => {
    if (words[0] !== 'INCR') return undefined;
    for (const { socket } of s0.connections) socket.destroy();
    return null;
  };
  const answer = await client.ask('INCR stays/a');
  expect(answer).toMatch(/^-ERR the connection to shard s0 .* was lost .*; the command may have been carried out$/);
  expect(s0.times('INCR')).toBe(1);
  expect(await client.ask('GET stays/a')).toBe('nil');
});

it('answers with an error where a shard cannot be reached', async () => {
  const router = await RedisRouter.start(scope);
  router.shards[0].end();
  expect(await router.client().ask('GET stays/a')).toMatch(/^-ERR shard s0 .* cannot be reached: ECONNREFUSED$/);
});

it('divides commands of several keys among their shards, and joins the answers', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say(
    'MSET stays/a 1 moves/a 2 stays/b 3',
    'MGET moves/a stays/b moves/none stays/a',
    'DEL stays/a moves/a x',
    'DBSIZE',
  );
  await client.hears('OK', '[2, 3, nil, 1]', ':2', ':1');
  // The first shard has fewer keys than the client has asked for.
  expect(await client.ask('SCAN 0')).toBe('[0, [stays/b]]');
  expect(await client.ask('SCAN 0 COUNT 1')).toBe('[1, [stays/b]]');
  expect(await client.ask('SCAN 1 COUNT 1')).toBe('[0, []]');
});

it('sends a transaction in one piece over the shared connection', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say('MULTI', 'SET stays/a 1', 'GET stays/a', 'EXEC', 'GET stays/a');
  await client.hears('OK', 'QUEUED', 'QUEUED', '[OK, 1]', '1');
  client.say('MULTI', 'SET stays/a 2', 'SET moves/a 2', 'EXEC', 'GET stays/a');
  await vi.waitFor(() => expect(client.heard).toHaveLength(5), PATIENCE);
  expect(client.heard.map((each) => each.split(' ')[0])).toEqual(['OK', 'QUEUED', '-CROSSSLOT', '-EXECABORT', '1']);
  expect(router.shards[0].connections.size).toBe(1);
});

it('passes on what a server says of a script in a transaction', async () => {
  const router = await RedisRouter.start(scope);
  router.shards[0].instead = ([name]) => (name === 'EVALSHA' ? errorReply('NOSCRIPT No matching script.') : undefined);
  const client = router.client();
  client.say('MULTI', `EVALSHA ${'0'.repeat(40)} 1 stays/a`, 'GET stays/a', 'EXEC', 'PING');
  await client.hears('OK', 'QUEUED', 'QUEUED', '[nil]', 'PONG');
});

it('has a client that blocks wait on a connection of its own, and others go on', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const [blocked, other] = [router.client(), router.client()];
  blocked.say('BLPOP stays/list 0', 'GET stays/a');
  await vi.waitFor(() => expect(s0.times('BLPOP')).toBe(1), PATIENCE);
  expect(await other.ask('SET stays/a 1')).toBe('OK');
  expect(blocked.heard).toEqual([]);
  expect(await other.ask('RPUSH stays/list x')).toBe(':1');
  await blocked.hears('[stays/list, x]', '1');
});

it('has what may block wait on a connection of its own, whatever its groups are called and where it has no keys', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'XREADGROUP' || name === 'XREAD' ? null : undefined);
  const other = router.client();
  expect(await other.ask('SET stays/a 1')).toBe('OK');
  router.client().say('XREADGROUP GROUP streams c BLOCK 0 STREAMS stays/s >');
  router.client().say('XREAD BLOCK 0 UNKNOWN STREAMS stays/s 0');
  await vi.waitFor(() => expect(s0.times('XREADGROUP') + s0.times('XREAD')).toBe(2), PATIENCE);
  expect(await other.ask('GET stays/a')).toBe('1');
  expect(s0.connections.size).toBe(3);
});

it('ends the wait of a client that has gone', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  const blocked = router.client().say('BLPOP stays/list 0');
  await vi.waitFor(() => expect(s0.times('BLPOP')).toBe(1), PATIENCE);
  blocked.socket.destroy();
  await vi.waitFor(() => expect([...s0.connections].some((each) => each.blockedOn !== null)).toBe(false), PATIENCE);
});

it('passes messages on to subscribers, which may say little else', async () => {
  const router = await RedisRouter.start(scope);
  const [listener, speaker] = [router.client(), router.client()];
  listener.say('SUBSCRIBE stays/news moves/news');
  await vi.waitFor(() => expect(listener.heard).toHaveLength(2), PATIENCE);
  expect(listener.heard.splice(0).sort()).toEqual(['[subscribe, moves/news, :2]', '[subscribe, stays/news, :1]']);
  expect(await listener.ask('PING')).toBe('[pong, ]');
  expect(await listener.ask('GET stays/a')).toMatch(/^-ERR Can't execute 'get'/);
  expect(await speaker.ask('PUBLISH moves/news hello')).toBe(':1');
  await listener.hears('[message, moves/news, hello]');
  listener.say('UNSUBSCRIBE', 'GET stays/a');
  await listener.hears('[unsubscribe, stays/news, :1]', '[unsubscribe, moves/news, :0]', 'nil');
});

it('takes any number of channels in one command', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  const names = Array.from({ length: 2500 }, (_, i) => `stays/${i}`);
  client.say(`SUBSCRIBE ${names.join(' ')}`);
  await client.hears(...names.map((name, i) => `[subscribe, ${name}, :${i + 1}]`));
  client.say('UNSUBSCRIBE', 'GET stays/a');
  await client.hears(...names.map((name, i) => `[unsubscribe, ${name}, :${names.length - i - 1}]`), 'nil');
});

it('sends a command where its server sends it, and the client hears nothing of that', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  s1.instead = ([name]) => (name === 'GET' ? errorReply(`MOVED 12 127.0.0.1:${s0.port}`) : undefined);
  s0.values.set('moves/a', 'here');
  const client = router.client();
  client.say('GET moves/a', 'SET stays/a 1', 'GET stays/a');
  await client.hears('here', 'OK', '1');
  let times = 0;
  s1.instead = ([name]) => (name === 'SET' && ++times < 3 ? errorReply('TRYAGAIN wait') : undefined);
  expect(await client.ask('SET moves/a 2')).toBe('OK');
  s1.instead = ([name]) => (name === 'SET' ? errorReply(`ASK 12 127.0.0.1:${s0.port}`) : undefined);
  expect(await client.ask('SET moves/a 3')).toBe('OK');
  expect(s0.told.slice(-2).map(({ words }) => words[0])).toEqual(['ASKING', 'SET']);
});

it('follows a server that sends every command on for as long as it does', async () => {
  const router = await RedisRouter.start(scope);
  const [s0, s1] = router.shards;
  s1.instead = ([name]) => (name === 'INCR' ? errorReply(`ASK 12 127.0.0.1:${s0.port}`) : undefined);
  // More than repetitions are saved for a shard in trouble.
  const times = Array.from({ length: 1500 }, (_, i) => i + 1);
  const client = router.client().say(...times.map(() => 'INCR moves/a'));
  await client.hears(...times.map((i) => `:${i}`));
});

it('gives up a command that servers send round for ever, in words that are not theirs', async () => {
  const router = await RedisRouter.start(scope);
  const [, s1] = router.shards;
  s1.instead = ([name]) => (name === 'GET' ? errorReply(`MOVED 12 127.0.0.1:${s1.port}`) : undefined);
  expect(await router.client().ask('GET moves/a')).toBe('-TRYAGAIN the slot of the key is being moved; try again');
  expect(s1.times('GET')).toBe(10);
});

it('passes a large value on as it comes', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  const value = 'v'.repeat(3_000_000);
  client.say(`SET stays/big ${value}`, 'GET stays/big', 'PING');
  await client.hears('OK', '(large)', 'PONG');
  expect(router.shards[0].values.get('stays/big')).toBe(value);
});

it('takes no more of a client than may be under way, however much it sends', async () => {
  const router = await RedisRouter.start(scope);
  const [s0] = router.shards;
  s0.instead = ([name]) => (name === 'GET' ? null : undefined);
  const hostile = router.client().say(...Array.from({ length: 50_000 }, () => 'GET stays/a'));
  await vi.waitFor(() => expect(s0.times('GET')).toBe(1024), PATIENCE);
  expect(await router.client().ask('SET moves/a 1')).toBe('OK');
  expect(s0.times('GET')).toBe(1024);
  expect(hostile.isClosed).toBe(false);
});

it('answers CONFIG GET at once, whatever its patterns', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  const refused = '-ERR too many patterns, or too long a pattern, for CONFIG GET';
  client.say(`CONFIG GET ${'*'.repeat(30)}!`, 'CONFIG GET *BASES', `CONFIG GET ${'a '.repeat(64)}a`);
  client.say(`CONFIG GET ${'a'.repeat(257)}`);
  await client.hears('[]', '[databases, 1]', refused, refused);
});

it('says that it is one server without a cluster, and has nothing to do with HTTP', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say('CLUSTER SLOTS', 'READONLY', 'ROLE', 'CONFIG GET databases', 'SET stays/a 1');
  const noCluster = '-ERR This instance has cluster support disabled';
  await client.hears(noCluster, noCluster, '[master, :0, []]', '[databases, 1]', 'OK');
  const browser = router.client();
  browser.socket.write('POST / HTTP/1.1\r\nHost: x\r\n\r\nDEL stays/a\r\n');
  await vi.waitFor(() => expect(browser.isClosed).toBe(true), PATIENCE);
  expect(router.shards[0].values.get('stays/a')).toBe('1');
});

it('wants no answers until it is told otherwise, and sends messages as the client speaks at the moment', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  client.say('CLIENT REPLY OFF', 'CLIENT REPLY SKIP', 'PING', 'GET stays/a', 'CLIENT REPLY ON', 'PING');
  await client.hears('OK', 'PONG');
  const [listener, speaker] = [router.client(), router.client()];
  expect(await listener.ask('HELLO 3')).toContain('proto: :3');
  listener.say('SUBSCRIBE stays/news');
  await listener.hears('>[subscribe, stays/news, :1]');
  expect(await speaker.ask('PUBLISH stays/news one')).toBe(':1');
  await listener.hears('>[message, stays/news, one]');
  await listener.ask('HELLO 2');
  expect(await speaker.ask('PUBLISH stays/news two')).toBe(':1');
  await listener.hears('[message, stays/news, two]');
});

it('shows as much of an unknown command as Redis does', async () => {
  const router = await RedisRouter.start(scope);
  const client = router.client();
  const args = Array.from({ length: 200 }, () => 'a'.repeat(60));
  const shown = `'${'a'.repeat(60)}' '${'a'.repeat(60)}' '${'a'.repeat(2)}' `;
  expect(await client.ask(`NOSUCH ${args.join(' ')}`)).toBe(
    `-ERR unknown command 'NOSUCH', with args beginning with: ${shown}`,
  );
});

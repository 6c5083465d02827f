/** docs/redis-commands.md says what becomes of each command: here a real server says what its answer has to be. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CommandInfo, commands } from '../../src/proxy/redis/commands/index.ts';
import { type Reply, RespClient, textOf } from '../../src/resp/index.ts';
import { startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { startRedis } from './redis-server.ts';
import { ask, commandsOf, fieldsOf, items, texts } from './server-commands.ts';

const scope = new Scope();
let server = 0;
let router = 0;
beforeAll(async () => {
  ({ port: server } = await startRedis(scope));
  const shards = await Promise.all(Array.from({ length: 3 }, () => startRedis(scope)));
  const setup = { routes: [], upstream: { protocol: 'redis' }, cluster: { placement: { slots: {} } } };
  const listener = { redis: { cluster: 'docs' } };
  ({ port: router } = await startRouter(scope, { ...setup, listener, shards: shards.map(({ port }) => port) }));
});
afterAll(() => scope.release());

/** A key of each type, all of one slot and with one member: what comes out has one order. */
const FIXTURES = [
  'FLUSHALL',
  'SET {t}string 1',
  'RPUSH {t}list a',
  'SADD {t}set a',
  'ZADD {t}sorted-set 1 a',
  'HSET {t}hash a 1',
  'XADD {t}stream 1-1 a 1',
  'PFADD {t}hyperloglog a',
  'GEOADD {t}geo 1.5 1.5 a',
];
const TYPES = FIXTURES.flatMap((line) => /\{t\}(\S+)/.exec(line)?.[1] ?? []);

const VALUES: Readonly<Record<string, string>> = {
  string: 'a',
  integer: '1',
  double: '1.5',
  pattern: '*',
  'unix-time': '2000000000',
};

/** The least that a command takes, by what its server says of its arguments (COMMAND DOCS). */
function wordsOf(argument: Reply, key: string): string[] {
  const fields = fieldsOf(argument);
  if (texts(fields.get('flags')).includes('optional')) return [];
  const type = textOf(fields.get('type') as Reply) ?? '';
  const tokenReply = fields.get('token');
  const token = tokenReply === undefined ? [] : [textOf(tokenReply) ?? ''];
  const inner = items(fields.get('arguments'));
  switch (type) {
    case 'pure-token':
      return token;
    case 'oneof':
      return [...token, ...wordsOf(inner[0] as Reply, key)];
    case 'block':
      return [...token, ...inner.flatMap((each) => wordsOf(each, key))];
    case 'key':
      return [...token, key];
    default:
      // Every scan begins at 0; other cursors each server chooses itself.
      return [...token, textOf(fields.get('name') as Reply) === 'cursor' ? '0' : (VALUES[type] ?? 'a')];
  }
}

/** A call of each command and subcommand, by its name as the table has it. */
async function callsOf(port: number): Promise<Map<string, string[]>> {
  const calls = new Map<string, string[]>();
  const add = (name: string, docs: Reply): void => {
    const fields = fieldsOf(docs);
    const group = textOf(fields.get('group') as Reply) ?? '';
    const key = `{t}${TYPES.includes(group) ? group : 'string'}`;
    calls.set(name, [...name.split('|'), ...items(fields.get('arguments')).flatMap((each) => wordsOf(each, key))]);
    for (const [subcommand, each] of fieldsOf(fields.get('subcommands'))) add(subcommand, each);
  };
  for (const [name, docs] of fieldsOf(await ask(port, ['COMMAND', 'DOCS']))) add(name, docs);
  return calls;
}

/** The answer to one call on a connection of its own, where each type has a key. */
async function answerOf(port: number, words: readonly string[]): Promise<Reply> {
  const client = await RespClient.connect({ target: { host: '127.0.0.1', port }, certificates: null }, null, 30_000);
  try {
    await Promise.all(FIXTURES.map((line) => client.ask(line.split(' '))));
    return await client.ask(words);
  } finally {
    client.close();
  }
}

/** Two answers are the same where these are. Sets have no order, and servers choose one for each list of all they know. */
const UNORDERED = ['keys', 'scan', 'command', 'command|docs', 'command|info', 'command|list', 'acl|cat'];

function shown(reply: Reply, isOrdered: boolean): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      const all = value.map(sorted);
      return isOrdered ? all : all.map((each) => JSON.stringify(each)).sort();
    }
    if (typeof value === 'bigint') return String(value);
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, sorted(each)]));
  };
  return JSON.stringify(sorted(reply));
}

/** What is the router's, or a moment's, or chosen at random: another answer of the same type. */
const OTHERS: ReadonlySet<string> = new Set([
  'acl|genpass',
  'client|id',
  'client|info',
  'client|list',
  'hello',
  'info',
  'lastsave',
  'lolwut',
  'randomkey',
  'time',
  'xadd',
]);

/** What is refused by the router, whatever the server does: the words. */
function refusalOf({ name, rule }: CommandInfo): string | null {
  if (rule.way === 'refused') return rule.error;
  return name === 'select' ? 'ERR DB index is out of range' : null;
}

it('answers each command as a server does, or refuses it in the words of the table', async () => {
  const calls = await callsOf(server);
  const theirs = new Set((await commandsOf(server, 'a server')).map(({ name }) => name));
  const known = commands.filter(({ name }) => theirs.has(name));
  const unlike: string[] = [];
  let compared = 0;
  for (const info of known) {
    const words = calls.get(info.name) ?? info.name.split('|');
    const refusal = refusalOf(info);
    const through = await answerOf(router, words);
    if (refusal !== null) {
      // Without its arguments a command is told that first.
      const said = textOf(through) ?? '';
      if (said !== refusal && !said.includes('wrong number of arguments')) unlike.push(`${words.join(' ')}: ${said}`);
      continue;
    }
    const direct = await answerOf(server, words);
    const isOrdered = !UNORDERED.includes(info.name);
    const [one, other] = [shown(direct, isOrdered), shown(through, isOrdered)];
    compared++;
    if (OTHERS.has(info.name) ? direct.type !== through.type : one !== other)
      unlike.push(`${words.join(' ')}: ${other.slice(0, 200)}, and not ${one.slice(0, 200)}`);
  }
  expect(unlike).toEqual([]);
  expect(compared).toBeGreaterThan(250);
});

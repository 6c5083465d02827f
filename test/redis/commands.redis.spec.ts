import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CommandInfo, commands, findCommand, KeyPlaces, keysOf } from '../../src/proxy/redis/commands/index.ts';
import { commandOf, textOf } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { startRedis } from './redis-server.ts';
import { ask, commandsOf, items } from './server-commands.ts';

const scope = new Scope();
let port = 0;
beforeAll(async () => {
  ({ port } = await startRedis(scope));
});
afterAll(() => scope.release());

const places = new KeyPlaces();

it('knows every command of a real server, and which of them write', async () => {
  const byName = new Map(commands.map((info) => [info.name, info]));
  const theirs = await commandsOf(port, 'a server');
  expect(theirs.length).toBeGreaterThan(300);
  const unlike = theirs.filter(({ name, flags }) => byName.get(name)?.isWrite !== flags.includes('write'));
  expect(unlike.map(({ name }) => name)).toEqual([]);
});

/** Arguments with which each command is tried: words that mean something to some of them among words that mean nothing. */
const words = fc.constantFrom(
  'a',
  'b',
  'c',
  '0',
  '1',
  '2',
  '3',
  'store',
  'storedist',
  'limit',
  'by',
  'get',
  'withdist',
);

const someWords = fc.array(words, { minLength: 1, maxLength: 9 });

/** XREAD's STREAMS is looked for by COMMAND wherever it stands, and by the server itself only where an option may stand. */
const streams = fc
  .tuple(fc.subarray(['block 1', 'count 2']), fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }))
  .map(([options, keys]) => [
    ...options.flatMap((each) => each.split(' ')),
    'streams',
    ...keys,
    ...keys.map(() => '0'),
  ]);

/** Of several STOREs COMMAND takes the first of each kind, and the server itself the last of all. */
const stored = someWords.filter((args) => args.filter((word) => word.startsWith('store')).length < 2);

/** Commands of which not every order of words is tried: what they begin with, and what follows. */
const ORDERED: Readonly<Record<string, readonly [begin: string, rest: fc.Arbitrary<string[]>]>> = {
  xread: ['xread', streams],
  xreadgroup: ['xreadgroup group g c', streams],
  georadius: ['georadius a 1 2 3 km', stored],
  georadiusbymember: ['georadiusbymember a b 3 km', stored],
};

it('finds the keys that COMMAND GETKEYS finds', async () => {
  const known = commands.filter(({ servers, keys }) => servers.includes('Redis 7.0') && keys.length > 0);
  const tried = known.filter(({ rule, keys }) => rule.way !== 'refused' && keys[0]?.channel === undefined);
  expect(tried.length).toBeGreaterThan(150);
  const differences: string[] = [];
  let compared = 0;
  for (const info of tried) {
    const [begin, rest] = ORDERED[info.name] ?? [info.name.replace('|', ' '), someWords];
    for (const args of fc.sample(rest, { seed: 1, numRuns: 12 })) {
      const line = [...begin.split(' '), ...args];
      const theirs = await ask(port, ['COMMAND', 'GETKEYS', ...line]);
      if (theirs.type === 'error' && !theirs.text.includes('Invalid arguments')) continue;
      compared++;
      const expected = items(theirs).map(textOf).join(' ');
      const command = commandOf(line);
      const found = keysOf(findCommand(command) as CommandInfo, command, places) ? places.count : 0;
      const ours = Array.from({ length: found }, (_, i) => command.text(places.at[i] as number)).join(' ');
      if (ours !== expected) differences.push(`${line.join(' ')}: ${ours}, and not ${expected}`);
    }
  }
  expect(differences).toEqual([]);
  expect(compared).toBeGreaterThan(1000);
});

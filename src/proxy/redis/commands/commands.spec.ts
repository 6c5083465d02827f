import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf } from '../../../resp/index.ts';
import { arityFits, commands, findCommand, isBlocking, KeyPlaces, keysAreHere, keysOf } from './index.ts';
import { namesWithRules } from './rules.ts';

const places = new KeyPlaces();

/** The keys of a command that is written as one line; null where there is no telling. */
function keysIn(line: string): string[] | null {
  const command = commandOf(line.split(' '));
  const info = findCommand(command);
  if (info === null || !keysOf(info, command, places)) return null;
  return Array.from(places.at.subarray(0, places.count), (at) => command.text(at));
}

describe('the table', () => {
  it('has a rule for every command, and a command for every rule', () => {
    expect(commands.filter(({ rule }) => rule.way === 'refused' && rule.error.includes('no rule'))).toEqual([]);
    const names = new Set(commands.map(({ name }) => name));
    expect(namesWithRules.filter((name) => !name.endsWith('|*') && !names.has(name))).toEqual([]);
  });

  it('finds each command by its name in any case, and no other', () => {
    for (const { name, index } of commands) {
      const words = name.split('|');
      expect(findCommand(commandOf(words))?.index).toBe(index);
      expect(findCommand(commandOf(words.map((word) => word.toUpperCase())))?.index).toBe(index);
      const longer = commandOf(words.map((word) => `${word}~`));
      expect(findCommand(longer)).toBe(null);
    }
    expect(findCommand(commandOf(['']))).toBe(null);
    expect(findCommand(commandOf(['x'.repeat(100)]))).toBe(null);
  });

  it('gives a container without a subcommand that it knows the rule of a container', () => {
    for (const words of [['config'], ['CONFIG', 'nothing'], ['client', '']])
      expect(findCommand(commandOf(words))?.rule).toEqual({ way: 'container' });
    expect(findCommand(commandOf(['config', 'SET', 'a', 'b']))?.rule).toEqual({
      way: 'refused',
      error: 'ERR CONFIG SET is refused: it administers a server, which clients of the router may not do',
    });
  });

  it('sends no command to any shard that has keys, writes, or administers', () => {
    const anywhere = commands.filter(({ rule }) => rule.way === 'any');
    expect(anywhere.filter(({ isWrite, isAdmin, keys }) => isWrite || isAdmin || keys.length > 0)).toEqual([]);
  });

  it('has replicas answer what reads keys, and nothing that is about one server', () => {
    const isRead = (words: string): boolean | undefined => findCommand(commandOf(words.split(' ')))?.isRead;
    for (const words of ['get', 'mget', 'hgetall', 'smembers', 'zrange', 'sort_ro', 'ttl', 'type'])
      expect([words, isRead(words)]).toEqual([words, true]);
    for (const words of ['scan', 'hscan', 'sscan', 'zscan', 'touch', 'object encoding', 'memory usage', 'eval_ro'])
      expect([words, isRead(words)]).toEqual([words, false]);
  });

  it('knows how many arguments a command takes', () => {
    const get = findCommand(commandOf(['get']));
    const mget = findCommand(commandOf(['mget']));
    expect([1, 2, 3].map((count) => get !== null && arityFits(get, count))).toEqual([false, true, false]);
    expect([1, 2, 3].map((count) => mget !== null && arityFits(mget, count))).toEqual([false, true, true]);
  });
});

describe('keys', () => {
  it.each([
    ['get a', ['a']],
    ['GET', null],
    ['mget a b c', ['a', 'b', 'c']],
    ['mset a 1 b 2', ['a', 'b']],
    ['ping', []],
    ['rename a b', ['a', 'b']],
    ['blpop a b 0', ['a', 'b']],
    ['bitop and d a b', ['d', 'a', 'b']],
    ['zunionstore d 2 a b weights 1 2', ['d', 'a', 'b']],
    ['zunionstore d 9 a b', null],
    ['zunionstore d x a b', null],
    ['eval return 2 a b c', ['a', 'b']],
    ['eval return 0 a', []],
    ['eval return -1 a', null],
    ['fcall f 1 a b', ['a']],
    ['xread count 2 block 0 streams a b 0 0', ['a', 'b']],
    ['xread streams a b 0', null],
    ['xreadgroup group streams streams streams a >', ['a']],
    ['xreadgroup group g c noack streams a >', ['a']],
    ['xreadgroup group g c block 0 claim 100 count 1 streams a >', ['a']],
    ['sort a by w get p store b get store store c', ['a', 'c']],
    ['sort a store by store b', ['a', 'b']],
    ['sort_ro a by w', ['a']],
    ['georadius a 1 2 3 km store b storedist c', ['a', 'c']],
    ['georadius_ro a 1 2 3 km', ['a']],
    ['object encoding a', ['a']],
    ['memory usage a samples 5', ['a']],
    ['xgroup create a g $', ['a']],
    ['spublish a b', ['a']],
    ['ssubscribe a b', ['a', 'b']],
    ['publish a b', ['a']],
    ['msetex 2 a 1 b 2 ex 10', ['a', 'b']],
    ['json.mget a b $', ['a', 'b']],
    ['json.mset a $ 1 b $ 2', ['a', 'b']],
    ['lmpop 2 a b left', ['a', 'b']],
    ['blmpop 0 2 a b left', ['a', 'b']],
    ['zinterstore d 1 a', ['d', 'a']],
  ])('of %j', (line, keys) => {
    expect(keysIn(line)).toEqual(keys);
  });

  it('of whatever arguments stand inside of the command, and are found without an error', () => {
    const words = fc.constantFrom('a', '1', '2', '-1', '99999999999', 'store', 'streams', 'keys', 'limit', 'block', '');
    fc.assert(
      fc.property(fc.constantFrom(...commands), fc.array(words, { maxLength: 8 }), (info, args) => {
        const command = commandOf([...info.name.split('|'), ...args]);
        if (!keysOf(info, command, places)) return;
        for (let i = 0; i < places.count; i++) {
          const at = places.at[i] as number;
          expect(at > 0 && at < command.count).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are known to be all here, or not, while a large command comes', () => {
    const isHere = (line: string, count: number): boolean => {
      const command = commandOf(line.split(' '));
      command.count = count;
      const info = findCommand(command);
      return info !== null && keysAreHere(info, command);
    };
    expect(isHere('set a large', 2)).toBe(true);
    expect(isHere('set a large', 1)).toBe(false);
    expect(isHere('rename a b', 2)).toBe(false);
    expect(isHere('mset a large b large', 2)).toBe(false);
    expect(isHere('eval large 1 a large', 2)).toBe(false);
    expect(isHere('eval script 1 a large', 4)).toBe(true);
    expect(isHere('xread streams a large', 3)).toBe(false);
    expect(isHere('xread streams a large', 4)).toBe(true);
  });
});

it('tells which calls may wait', () => {
  const waits = (line: string): boolean => {
    const command = commandOf(line.split(' '));
    const info = findCommand(command);
    return info !== null && isBlocking(info, command);
  };
  expect(waits('blpop a 0')).toBe(true);
  expect(waits('lpop a')).toBe(false);
  expect(waits('xread block 0 streams a 0')).toBe(true);
  expect(waits('xread count 1 streams block 0')).toBe(false);
  expect(waits('xreadgroup group streams c block 0 streams s >')).toBe(true);
  expect(waits('xreadgroup group g streams block 0 streams s >')).toBe(true);
  expect(waits('xreadgroup group g c streams s >')).toBe(false);
  expect(waits('xreadgroup group g c unknown block 0 streams s >')).toBe(true);
});

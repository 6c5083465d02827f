import { expect, it } from 'vitest';
import { commandOf } from '../../../resp/index.ts';
import { type CommandInfo, findCommand } from '../commands/index.ts';
import { deniedInNames } from './own-names-only.ts';
import { RedisUser } from './redis-user.ts';

function denied(prefix: string, line: string): boolean {
  const command = commandOf(line.split(' '));
  return deniedInNames(new RedisUser({ name: 'app', prefix }), findCommand(command) as CommandInfo, command) !== null;
}

it('denies channels that are about the keys of all users, also where the prefix makes them so', () => {
  for (const [prefix, line] of [
    ['a:', 'SUBSCRIBE a __keyevent@0__:del'],
    ['a:', 'PSUBSCRIBE __key*'],
    ['__', 'PSUBSCRIBE keyspace@0__:*'],
    ['__k', 'PSUBSCRIBE eyevent@*'],
    ['_', 'PUBLISH _keyevent@0__:del x'],
  ] as const)
    expect([line, denied(prefix, line)]).toEqual([line, true]);
  for (const line of ['SUBSCRIBE a __keyspace@0__:a', 'PSUBSCRIBE *', 'PUBLISH keyspace@0__:a x'])
    expect([line, denied('a:', line)]).toEqual([line, false]);
});

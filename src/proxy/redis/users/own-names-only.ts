import type { Command } from '../../../resp/index.ts';
import { type CommandInfo, KeyPlaces, keysOf } from '../commands/index.ts';
import { argumentText } from '../take/arguments.ts';
import type { RedisUser } from './redis-user.ts';

const NOT_IN_ORDER = 'ERR syntax error: the keys of the command cannot be told from its arguments';

/** What can be told of a user's own keys and channels alone, though it is about all of a server. */
const DIVISIBLE: ReadonlySet<string> = new Set([
  'keys',
  'pubsub|channels',
  'pubsub|numsub',
  'pubsub|shardchannels',
  'pubsub|shardnumsub',
]);

/** Of scripts, what changes nothing for others. */
const OF_SCRIPTS: ReadonlySet<string> = new Set(['script|load', 'script|exists', 'script|help']);

/** What shows, or changes, what is others' too, though it names no key of theirs. */
const ABOUT_ALL = /^(?:function\||script\||cluster\|(?:get|count)keysinslot$)/;

const places = new KeyPlaces();

/** Why a user who has names of its own may not do that; null where it may, with its names. */
export function deniedInNames(user: RedisUser, info: CommandInfo, command: Command): string | null {
  const { rule, name } = info;
  if (rule.way === 'script' || OF_SCRIPTS.has(name)) return deniedScript(user, info, command);
  if (ABOUT_ALL.test(name)) return aboutAll(user, info);
  switch (rule.way) {
    case 'keys':
    case 'split':
    case 'blocking':
      return hasKeysInOrder(info, command) ? null : NOT_IN_ORDER;
    case 'transaction':
      return info.keys.length === 0 || hasKeysInOrder(info, command) ? null : NOT_IN_ORDER;
    case 'channel':
      return info.name === 'publish' ? deniedChannels(user, command, 1, 1) : null;
    case 'subscribe':
      return /^p?subscribe$/.test(name) ? deniedChannels(user, command, 1, command.count - 1) : null;
    case 'everywhere':
      return DIVISIBLE.has(name) ? null : aboutAll(user, info);
    default:
      return null;
  }
}

function hasKeysInOrder(info: CommandInfo, command: Command): boolean {
  return keysOf(info, command, places) && places.count > 0;
}

function aboutAll({ name }: RedisUser, info: CommandInfo): string {
  const called = info.name.replace('|', ' ').toUpperCase();
  return `NOPERM ${called} is about the keys of all users, and user ${name} has its own only`;
}

/** A script reaches keys by whatever names it likes, and no router sees which. */
function deniedScript(user: RedisUser, info: CommandInfo, command: Command): string | null {
  if (!user.trustsScripts)
    return `NOPERM a script may reach the keys of others, and user ${user.name} has its own only`;
  return info.rule.way !== 'script' || keysOf(info, command, places) ? null : NOT_IN_ORDER;
}

function deniedChannels({ name, names }: RedisUser, command: Command, first: number, last: number): string | null {
  for (let at = first; at <= last; at++)
    if (names?.isAboutAllKeys(argumentText(command, at)) === true)
      return `NOPERM the channel is about the keys of all users, and user ${name} has its own only: __keyspace@0__:KEY is its own`;
  return null;
}

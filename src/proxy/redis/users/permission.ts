import type { Command } from '../../../resp/index.ts';
import { type CommandInfo, KeyPlaces, keysOf, patternsOf } from '../commands/index.ts';
import { argumentText } from '../take/arguments.ts';
import { deniedInNames } from './own-names-only.ts';
import type { RedisUser } from './redis-user.ts';

const NO_KEY = 'NOPERM No permissions to access a key';
const NO_CHANNEL = 'NOPERM No permissions to access a channel';

/** What clients may say whatever they are allowed: who they are, and that they go. */
const ALWAYS: ReadonlySet<string> = new Set(['auth', 'hello', 'quit', 'reset']);

/** What shows, or changes, what is others' too, though it names no key of theirs. */
const ABOUT_ALL = /^(?:function\||script\||cluster\|(?:get|count)keysinslot$)/;

const places = new KeyPlaces();

/** Why a user may not do that, as Redis says it; null where it may. */
export function deniedText(user: RedisUser, info: CommandInfo, command: Command): string | null {
  if (ALWAYS.has(info.name)) return null;
  if (!user.mayUse(info)) return notAllowed(user, info);
  if (user.names !== null) return deniedInNames(user, info, command);
  return user.prefixes === null ? null : deniedKeys(user, info, command);
}

function notAllowed({ name }: RedisUser, info: CommandInfo): string {
  return `NOPERM User ${name} has no permissions to run the '${info.name}' command`;
}

/** A user with prefixes may do nothing of which the router cannot tell that it is about its own keys alone. */
function deniedKeys(user: RedisUser, info: CommandInfo, command: Command): string | null {
  if (ABOUT_ALL.test(info.name)) return notAllowed(user, info);
  switch (info.rule.way) {
    case 'keys':
    case 'split':
    case 'blocking':
      return ownsKeys(user, info, command) ? null : NO_KEY;
    case 'transaction':
      return info.keys.length === 0 || ownsKeys(user, info, command) ? null : NO_KEY;
    case 'channel':
      return user.owns(argumentText(command, 1)) ? null : NO_CHANNEL;
    case 'subscribe':
      return ownsAll(user, command, 1) ? null : NO_CHANNEL;
    case 'scan':
      return ownsMatch(user, command) ? null : NO_KEY;
    case 'everywhere':
      if (info.name !== 'keys') return notAllowed(user, info);
      return user.owns(literalOf(argumentText(command, 1))) ? null : NO_KEY;
    // Scripts do what they like at their shard, which knows the router alone.
    case 'script':
      return notAllowed(user, info);
    default:
      return null;
  }
}

/** Whether all keys are known and its own. What a server reads by patterns may be anything. */
function ownsKeys(user: RedisUser, info: CommandInfo, command: Command): boolean {
  if (!keysOf(info, command, places) || places.count === 0) return false;
  for (let i = 0; i < places.count; i++) if (!user.owns(argumentText(command, places.at[i] as number))) return false;
  return !info.hasPatterns || patternsOf(command).length === 0;
}

function ownsAll(user: RedisUser, command: Command, from: number): boolean {
  for (let i = from; i < command.count; i++) if (!user.owns(literalOf(argumentText(command, i)))) return false;
  return true;
}

/** SCAN shows a user no more than what it matches: every MATCH counts, as the last one does for servers. */
function ownsMatch(user: RedisUser, command: Command): boolean {
  let isMatched = false;
  for (let at = 2; at + 1 < command.count; at += 2)
    if (command.is(at, 'match')) {
      if (!user.owns(literalOf(argumentText(command, at + 1)))) return false;
      isMatched = true;
    }
  return isMatched;
}

/** What all begins with that a pattern describes. */
function literalOf(pattern: string): string {
  return /^[^*?[\\]*/.exec(pattern)?.[0] ?? '';
}

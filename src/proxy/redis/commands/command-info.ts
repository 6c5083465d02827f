import type { Rule } from './rule.ts';
import { findRule } from './rules.ts';
import { type KeyRange, type ServerCommand, serverCommands } from './server-command.ts';

/** A command, or a subcommand: what servers say of it, and what the router does with it. */
export interface CommandInfo {
  /** In lower case; of a subcommand with its container's: `config|get`. */
  readonly name: string;
  /** Its place in `commands`, to count by. */
  readonly index: number;
  /** Arguments, the name included; negative: at least. */
  readonly arity: number;
  readonly isWrite: boolean;
  /** It is a write, or does what may be one: a script may do anything. */
  readonly mayWrite: boolean;
  /** It reads keys and does nothing else, so that a replica may answer it. */
  readonly isRead: boolean;
  readonly isAdmin: boolean;
  /** Of ACLs, without `@`. */
  readonly categories: readonly string[];
  /** The argument that is its one key, as most commands have it; 0: ask `keysOf`. */
  readonly keyAt: number;
  readonly keys: readonly KeyRange[];
  /** It reads other keys as well, which its patterns make of what its first key holds; see `patternsOf`. */
  readonly hasPatterns: boolean;
  readonly rule: Rule;
  /** The servers that have it. */
  readonly servers: readonly string[];
}

/** Commands with keys that depend on their other arguments: see `keys.ts`. */
const MOVABLE = 'movablekeys';

/** Servers do not call them writes: whether they are depends on their scripts. */
const MAY_WRITE: ReadonlySet<string> = new Set(['eval', 'evalsha', 'fcall']);

/**
 * What servers call reads, and is about the server, or the time of a key's last use there; or has a cursor, which means something only
 * where it was given: each server has a hash seed of its own.
 */
const OF_ONE_SERVER = /^(?:touch|[hsz]scan|object\||memory\|)/;

/** A command that no rule is written for: a server that is newer than the table has it. */
const WITHOUT_RULE: Rule = { way: 'refused', error: 'ERR the router has no rule for the command' };

/** All commands and subcommands, in the order of their names. */
export const commands: readonly CommandInfo[] = serverCommands.map(describe);

function describe(command: ServerCommand, index: number): CommandInfo {
  const { name, arity, flags, keys, categories } = command;
  const isContainer = serverCommands.some((other) => other.name.startsWith(`${name}|`));
  const rule = findRule(name, keys.length > 0, isContainer) ?? WITHOUT_RULE;
  const goesByKeys = rule.way === 'keys' || rule.way === 'split';
  return {
    name,
    index,
    arity,
    isWrite: flags.includes('write'),
    mayWrite: flags.includes('write') || MAY_WRITE.has(name),
    isRead: flags.includes('readonly') && goesByKeys && !OF_ONE_SERVER.test(name),
    isAdmin: flags.includes('admin'),
    categories,
    keyAt: oneKeyOf(command),
    keys,
    hasPatterns: name === 'sort' || name === 'sort_ro',
    rule,
    servers: command.in,
  };
}

function oneKeyOf({ name, flags, keys }: ServerCommand): number {
  // A channel's name, which no server calls a key.
  if (name === 'publish') return 1;
  const [range, ...others] = keys;
  if (range?.at === undefined || range.last !== 0 || others.length > 0 || flags.includes(MOVABLE)) return 0;
  return range.at;
}

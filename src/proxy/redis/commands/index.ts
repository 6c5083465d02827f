/** Redis's commands: which arguments are keys, and what the router does with each. */
import type { Command } from '../../../resp/index.ts';
import type { CommandInfo } from './command-info.ts';

export { becomesOf } from './becomes-of.ts';
export { type CommandInfo, commands } from './command-info.ts';
export { findCommand } from './find-command.ts';
export { hasFixedTag, KeyPlaces, keysAreHere, keysOf, patternsOf } from './keys.ts';
export type { EverywhereMerge, Rule, SplitMerge, SplitRule } from './rule.ts';

/** Whether so many arguments, the name included, are as many as a command takes. */
export function arityFits({ arity }: CommandInfo, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}

/** Arguments that stand behind BLOCK at least: its milliseconds, STREAMS, a key and an id. */
const BEHIND_BLOCK = 4;

/**
 * Whether a command may have its connection wait: for XREAD and XREADGROUP this depends on BLOCK. A group, a consumer or a key may have
 * the name of any option: so BLOCK counts wherever it may be the option. A connection too many does no harm, but one that all clients
 * share must never wait.
 */
export function isBlocking({ name, rule }: CommandInfo, command: Command): boolean {
  if (rule.way === 'blocking') return true;
  if (name !== 'xread' && name !== 'xreadgroup') return false;
  for (let at = 1; at + BEHIND_BLOCK < command.count; at++) if (command.is(at, 'block')) return true;
  return false;
}

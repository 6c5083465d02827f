/** Redis's commands: which arguments are keys, and what the router does with each. */
import type { Command } from '../../../resp/index.ts';
import type { CommandInfo } from './command-info.ts';

export { becomesOf } from './becomes-of.ts';
export { type CommandInfo, commands } from './command-info.ts';
export { findCommand } from './find-command.ts';
export { KeyPlaces, keysAreHere, keysOf } from './keys.ts';
export type { EverywhereMerge, Rule, SplitMerge } from './rule.ts';

/** Whether so many arguments, the name included, are as many as a command takes. */
export function arityFits({ arity }: CommandInfo, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}

/** Whether a command may have its connection wait: for XREAD and XREADGROUP this depends on BLOCK. */
export function isBlocking({ name, rule }: CommandInfo, command: Command): boolean {
  if (rule.way === 'blocking') return true;
  if (name !== 'xread' && name !== 'xreadgroup') return false;
  for (let at = 1; at < command.count; at++) {
    if (command.is(at, 'block')) return true;
    if (command.is(at, 'streams')) return false;
  }
  return false;
}

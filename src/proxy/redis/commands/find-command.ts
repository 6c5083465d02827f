import type { Command } from '../../../resp/index.ts';
import { type CommandInfo, commands } from './command-info.ts';
import { WordTable } from './word-table.ts';

interface Named {
  readonly info: CommandInfo;
  /** Null where it has none. */
  readonly subcommands: WordTable<CommandInfo> | null;
}

const names = new WordTable<Named>();
for (const info of commands)
  if (!info.name.includes('|')) names.add(info.name, { info, subcommands: subcommandsOf(info) });

function subcommandsOf({ name }: CommandInfo): WordTable<CommandInfo> | null {
  const prefix = `${name}|`;
  const own = commands.filter((each) => each.name.startsWith(prefix));
  if (own.length === 0) return null;
  const table = new WordTable<CommandInfo>();
  for (const each of own) table.add(each.name.slice(prefix.length), each);
  return table;
}

/**
 * What is known of a command; of a subcommand where it has some, and it is one of them. Null where its name is unknown.
 */
export function findCommand({ bytes, starts, ends, count }: Command): CommandInfo | null {
  const named = names.find(bytes, starts[0] as number, ends[0] as number);
  if (named === undefined) return null;
  const { info, subcommands } = named;
  if (subcommands === null || count < 2) return info;
  return subcommands.find(bytes, starts[1] as number, ends[1] as number) ?? info;
}

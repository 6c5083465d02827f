import table from './server-commands.json' with { type: 'json' };

/** Where keys stand among a command's arguments: the key specifications of COMMAND, as far as they are exact. */
export interface KeyRange {
  /** The argument that they begin at, or that their number stands near; else they begin behind a word. */
  readonly at?: number;
  /** The word, in lower case, and the argument from which it is looked for (negative: from the end, backwards). */
  readonly behind?: string;
  readonly from?: number;
  /** The last key, counted from the first; negative: from the end of the command. */
  readonly last?: number;
  /** The distance between two keys. */
  readonly step: number;
  /** Keys are only the first part of so many of what follows. */
  readonly limit?: number;
  /** The argument that holds the number of keys, and the first key, both counted from the beginning. */
  readonly count?: number;
  readonly first?: number;
  /** They are names of channels, which belong to slots as keys do. */
  readonly channel?: boolean;
}

/** What servers say of a command. */
export interface ServerCommand {
  /** In lower case; of a subcommand with its container's: `config|get`. */
  readonly name: string;
  /** Arguments, the name included; negative: at least. */
  readonly arity: number;
  readonly flags: readonly string[];
  /** Of ACLs, without `@`. */
  readonly categories: readonly string[];
  readonly keys: readonly KeyRange[];
  /** The servers that have it. */
  readonly in: readonly string[];
}

/** Written by test/redis/server-commands.ts, of what servers say themselves. */
export const serverCommands: readonly ServerCommand[] = table as readonly ServerCommand[];

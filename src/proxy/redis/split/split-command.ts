import { Buffer } from 'node:buffer';
import type { Command } from '../../../resp/index.ts';
import type { KeyPlaces, SplitRule } from '../commands/index.ts';

/** What one shard gets of a command whose keys are on several. */
export interface Part {
  readonly shard: number;
  /** A whole command of its own. */
  readonly request: Buffer;
  /** Which of the command's keys are in it, counted from 0, in their order. */
  readonly keys: readonly number[];
}

/**
 * Divides a command among the shards of its keys, in the order in which they first occur. A command whose keys are all on one shard,
 * or whose arguments are not in order, is one part as it is: the shard says what is wrong with it.
 * @param shardOf the shard of a key, by its place among the keys
 */
export function splitCommand(
  { step }: SplitRule,
  command: Command,
  keys: KeyPlaces,
  shardOf: (key: number) => number,
): Part[] {
  const groups = new Map<number, number[]>();
  for (let key = 0; key < keys.count; key++) {
    const shard = shardOf(key);
    const group = groups.get(shard);
    if (group === undefined) groups.set(shard, [key]);
    else group.push(key);
  }
  const [first] = groups.keys();
  if (first === undefined) return [];
  if (groups.size > 1 && command.count === 1 + keys.count * step)
    return [...groups].map(([shard, group]) => ({
      shard,
      keys: group,
      request: requestOf(command, keys, group, step),
    }));
  return [{ shard: first, keys: [...groups.values()].flat(), request: command.raw() }];
}

/** The command's name with some of its keys, and what belongs to them: copied as they stand, with their lengths. */
function requestOf(command: Command, keys: KeyPlaces, group: readonly number[], step: number): Buffer {
  const { bytes, starts, ends } = command;
  const head = Buffer.from(`*${1 + group.length * step}\r\n`);
  // What comes between two arguments is the end of the one and the length of the other.
  const beforeName = (starts[0] as number) - lengthBytes((ends[0] as number) - (starts[0] as number));
  const parts: Uint8Array[] = [head, bytes.subarray(beforeName, (ends[0] as number) + 2)];
  for (const key of group) {
    const at = keys.at[key] as number;
    parts.push(bytes.subarray((ends[at - 1] as number) + 2, (ends[at + step - 1] as number) + 2));
  }
  return Buffer.concat(parts);
}

/** Bytes of the line with an argument's length. */
function lengthBytes(length: number): number {
  return String(length).length + 3;
}

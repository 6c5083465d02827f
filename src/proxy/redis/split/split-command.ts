import { Buffer } from 'node:buffer';
import { copyInto } from '../../../io/index.ts';
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
function requestOf({ bytes, starts, ends }: Command, keys: KeyPlaces, group: readonly number[], step: number): Buffer {
  const head = `*${1 + group.length * step}\r\n`;
  // What comes between two arguments is the end of the one and the length of the other.
  const nameFrom = (starts[0] as number) - lengthBytes((ends[0] as number) - (starts[0] as number));
  const nameTo = (ends[0] as number) + 2;
  let size = head.length + nameTo - nameFrom;
  for (let i = 0; i < group.length; i++) {
    const at = keys.at[group[i] as number] as number;
    size += (ends[at + step - 1] as number) - (ends[at - 1] as number);
  }
  const request = Buffer.allocUnsafe(size);
  let length = request.write(head, 0, 'latin1');
  copyInto(request, length, bytes, nameFrom, nameTo);
  length += nameTo - nameFrom;
  for (let i = 0; i < group.length; i++) {
    const at = keys.at[group[i] as number] as number;
    const [from, to] = [(ends[at - 1] as number) + 2, (ends[at + step - 1] as number) + 2];
    copyInto(request, length, bytes, from, to);
    length += to - from;
  }
  return request;
}

/** Bytes of the line with an argument's length. */
function lengthBytes(length: number): number {
  return String(length).length + 3;
}

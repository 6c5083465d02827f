import { Buffer } from 'node:buffer';
import { copyInto } from '../../../io/index.ts';
import { Command } from '../../../resp/index.ts';

/** One object serves all commands of a thread: a command is valid during the call in which it is taken, and is taken before the next one. */
const inserted = new Command();

/** For most arguments: before their first byte. */
const atItsBegin = (): number => 0;

/**
 * A copy of a command, or of the beginning of a large one, in which something stands inserted in some of its arguments. All else is as it was.
 * @param places the arguments, ascending and each once; never the first, which is the command's name
 * @param maxBytes the longest copy that is made: each argument grows, and a client decides how many there are
 * @param offsetIn before which byte of an argument
 * @returns null where the copy would be longer
 */
export function insertInto(
  command: Command,
  places: Int32Array,
  insertion: Uint8Array,
  maxBytes: number,
  offsetIn: (argument: number) => number = atItsBegin,
): Command | null {
  const { bytes, start, end, starts, ends, count } = command;
  const size = sizeWith(command, places, insertion.length);
  if (size > maxBytes) return null;
  const into = Buffer.allocUnsafe(size);
  inserted.clear();
  while (inserted.starts.length < starts.length) inserted.grow();
  let length = 0;
  let copied = start;
  const copyUpTo = (to: number): void => {
    copyInto(into, length, bytes, copied, to);
    length += to - copied;
    copied = to;
  };
  let next = 0;
  for (let i = 0; i < count; i++) {
    const [from, to] = [starts[i] as number, ends[i] as number];
    inserted.starts[i] = length + from - copied;
    if (places[next] === i) {
      next++;
      copyUpTo((ends[i - 1] as number) + 2);
      length += into.write(`$${to - from + insertion.length}\r\n`, length, 'latin1');
      inserted.starts[i] = length;
      copied = from;
      copyUpTo(from + offsetIn(i));
      into.set(insertion, length);
      length += insertion.length;
    }
    inserted.ends[i] = length + to - copied;
  }
  copyUpTo(end);
  inserted.bytes = into;
  inserted.start = 0;
  inserted.end = length;
  inserted.count = count;
  inserted.total = command.total;
  inserted.isInline = command.isInline;
  return inserted;
}

/** As it is written most shortly, an argument's length may have fewer digits than it had: then some room is left over. */
function sizeWith({ start, end, starts, ends }: Command, places: Int32Array, bytes: number): number {
  let size = end - start;
  for (let i = 0; i < places.length; i++) {
    const at = places[i] as number;
    const length = (ends[at] as number) - (starts[at] as number);
    size += bytes + String(length + bytes).length - String(length).length;
  }
  return size;
}

import { Buffer } from 'node:buffer';
import { copyInto } from '../../../io/index.ts';
import { errorReply, forEachElement, integerAt, integerReply, ReplyType } from '../../../resp/index.ts';
import type { SplitRule } from '../commands/index.ts';
import type { Part } from './split-command.ts';

/** What a client receives where shards do not answer as their commands want it. */
export const UNLIKE = errorReply('ERR the shards gave answers that cannot be joined');

/** The elements of a whole reply that has some, each as it stands. */
export function elementsOf(reply: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  forEachElement(reply, 0, reply.length, (start, end) => elements.push(reply.subarray(start, end)));
  return elements;
}

/** The first error among whole replies; undefined where there is none. */
export function firstError(replies: readonly Uint8Array[]): Uint8Array | undefined {
  return replies.find(isError);
}

export function isError(reply: Uint8Array): boolean {
  return reply[0] === ReplyType.Error || reply[0] === ReplyType.BulkError;
}

/**
 * Joins the whole replies to the parts of a command, in the order of the parts. An error of one part is the answer: clients do
 * not look for errors inside of an array.
 */
export function mergeParts({ merge }: SplitRule, parts: readonly Part[], replies: readonly Uint8Array[]): Uint8Array {
  const failed = firstError(replies);
  if (failed !== undefined) return failed;
  const [first = UNLIKE] = replies;
  if (replies.length === 1 || merge === 'ok') return first;
  return merge === 'sum' ? sumOf(replies) : byKey(parts, replies);
}

/** Integers added up. */
export function sumOf(replies: readonly Uint8Array[]): Uint8Array {
  let sum = 0;
  for (const reply of replies) sum += integerAt(reply, 0);
  return Number.isNaN(sum) ? UNLIKE : integerReply(sum);
}

/** Each key's value, in the order of the keys: copied once, from where it stands. */
function byKey(parts: readonly Part[], replies: readonly Uint8Array[]): Uint8Array {
  let count = 0;
  for (const { keys } of parts) count += keys.length;
  const of: Array<Uint8Array | undefined> = new Array(count).fill(undefined);
  const starts = new Array<number>(count).fill(0);
  const ends = new Array<number>(count).fill(0);
  let size = 0;
  for (let i = 0; i < parts.length; i++) {
    const { keys } = parts[i] as Part;
    const reply = replies[i] ?? UNLIKE;
    let at = 0;
    forEachElement(reply, 0, reply.length, (start, end) => {
      const key = keys[at++];
      if (key === undefined) return;
      of[key] = reply;
      starts[key] = start;
      ends[key] = end;
      size += end - start;
    });
    if (at !== keys.length) return UNLIKE;
  }
  const head = `*${count}\r\n`;
  const whole = Buffer.allocUnsafe(head.length + size);
  let length = whole.write(head, 0, 'latin1');
  for (let key = 0; key < count; key++) {
    const reply = of[key];
    if (reply === undefined) return UNLIKE;
    copyInto(whole, length, reply, starts[key] as number, ends[key] as number);
    length += (ends[key] as number) - (starts[key] as number);
  }
  return whole;
}

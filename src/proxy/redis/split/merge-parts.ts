import { arrayReply, errorReply, forEachElement, integerAt, integerReply, ReplyType } from '../../../resp/index.ts';
import type { SplitRule } from '../commands/index.ts';
import type { Part } from './split-command.ts';

/** What a client receives where shards do not answer as their commands want it. */
export const UNLIKE = errorReply('ERR the shards gave answers that cannot be joined');

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

/** Each key's value, in the order of the keys. */
function byKey(parts: readonly Part[], replies: readonly Uint8Array[]): Uint8Array {
  const values: Uint8Array[] = [];
  let count = 0;
  for (const [i, { keys }] of parts.entries()) {
    const reply = replies[i] ?? UNLIKE;
    let at = 0;
    forEachElement(reply, 0, reply.length, (start, end) => {
      const key = keys[at++];
      if (key !== undefined) values[key] = reply.subarray(start, end);
    });
    if (at !== keys.length) return UNLIKE;
    count += at;
  }
  return values.length === count ? arrayReply(values) : UNLIKE;
}

import { Buffer } from 'node:buffer';
import { arrayReply, integerAt, integerReply, mapReply, ReplyType } from '../../../resp/index.ts';
import type { EverywhereMerge } from '../commands/index.ts';
import { elementsOf, firstError, isError, sumOf, UNLIKE } from './merge-parts.ts';

/** Joins the whole replies of all shards to the same command. An error of one shard is the answer, unless one success is enough. */
export function mergeEverywhere(merge: EverywhereMerge, replies: readonly Uint8Array[]): Uint8Array {
  const [first = UNLIKE] = replies;
  if (merge === 'one-succeeds') return replies.find((reply) => !isError(reply)) ?? first;
  const failed = firstError(replies);
  if (failed !== undefined) return failed;
  switch (merge) {
    case 'first':
      return first;
    case 'any':
      return replies.find((reply) => !isNull(reply)) ?? first;
    case 'sum':
      return sumOf(replies);
    case 'least':
      return extremeOf(Math.min, replies);
    case 'most':
      return extremeOf(Math.max, replies);
    case 'concat':
      return arrayReply(replies.flatMap(elementsOf));
    case 'union':
      return arrayReply([...new Map(replies.flatMap(elementsOf).map((each) => [textOf(each), each])).values()]);
    case 'least-of-each':
      return leastOfEach(replies);
    case 'sum-of-each':
      return sumOfEach(replies);
  }
}

const MINUS = 0x2d;

/** RESP3's null, or one of RESP2's, which have a negative length. */
function isNull(reply: Uint8Array): boolean {
  const [type, next] = reply;
  return type === ReplyType.Null || ((type === ReplyType.Bulk || type === ReplyType.Array) && next === MINUS);
}

/** Bytes as a key to compare them by. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function extremeOf(of: (...values: number[]) => number, replies: readonly Uint8Array[]): Uint8Array {
  const value = of(...replies.map((reply) => integerAt(reply, 0)));
  return Number.isNaN(value) ? UNLIKE : integerReply(value);
}

function leastOfEach(replies: readonly Uint8Array[]): Uint8Array {
  const all = replies.map((reply) => elementsOf(reply).map((each) => integerAt(each, 0)));
  const [first = [], ...others] = all;
  if (others.some((each) => each.length !== first.length)) return UNLIKE;
  return arrayReply(first.map((value, i) => integerReply(Math.min(value, ...others.map((each) => each[i] as number)))));
}

/** Names and numbers in turn: RESP3 has a map of them. */
function sumOfEach(replies: readonly Uint8Array[]): Uint8Array {
  const sums = new Map<string, { name: Uint8Array; sum: number }>();
  for (const reply of replies) {
    const elements = elementsOf(reply);
    for (let i = 0; i + 1 < elements.length; i += 2) {
      const name = elements[i] as Uint8Array;
      const key = textOf(name);
      const sum = (sums.get(key)?.sum ?? 0) + integerAt(elements[i + 1] as Uint8Array, 0);
      sums.set(key, { name, sum });
    }
  }
  const parts = [...sums.values()].flatMap(({ name, sum }) => [name, integerReply(sum)]);
  return mapReply(parts, replies[0]?.[0] === ReplyType.Map ? 3 : 2);
}

import { Buffer } from 'node:buffer';
import { bulkReply, forEachElement, ReplyType, stringAt } from '../../../resp/index.ts';
import type { OwnNames } from './own-names.ts';

/** `[word, name, …]`, where the name is a pattern. */
const OF_PATTERNS: ReadonlySet<string> = new Set(['psubscribe', 'punsubscribe', 'pmessage']);

/** What was published; all else confirms what the user has asked for. */
const MESSAGES: ReadonlySet<string> = new Set(['message', 'pmessage', 'smessage']);

/**
 * A message of a channel, or a confirmation, with the names that its user gives to channels and patterns.
 * @returns null where a message is for others: a pattern of a user's own may match what others' channels are called
 */
export function namesInPush(names: OwnNames, bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  if (bytes[start] === ReplyType.Error)
    return Buffer.from(names.ownText(latin1Of(bytes.subarray(start, end))), 'latin1');
  const elements: Uint8Array[] = [];
  let listEnd = start;
  forEachElement(bytes, start, end, (from, to) => {
    if (elements.length === 0) listEnd = from;
    elements.push(bytes.subarray(from, to));
  });
  const word = textOf(elements[0]);
  let isForeign = false;
  const own = elements.map((element, i) => {
    const name = i === 1 || (i === 2 && word === 'pmessage') ? textOf(element) : null;
    if (name === null) return element;
    const isPattern = i === 1 && OF_PATTERNS.has(word ?? '');
    const ownName = isPattern ? names.ownPattern(name) : names.ownChannel(name);
    if (ownName !== null) return bulkReply(Buffer.from(ownName, 'latin1'));
    isForeign = MESSAGES.has(word ?? '');
    return element;
  });
  return isForeign ? null : Buffer.concat([bytes.subarray(start, listEnd), ...own]);
}

/** A string's content; null where it is none. */
function textOf(element: Uint8Array | undefined): string | null {
  const content = element === undefined ? null : stringAt(element, 0, element.length);
  return content === null ? null : latin1Of(content);
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

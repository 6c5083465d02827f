import { ReplyScanner } from './reply-scanner.ts';
import { CR, LF, MINUS, ReplyType, ZERO } from './reply-type.ts';

/** Used within one call only, which ends before any other code runs. */
const scanner = new ReplyScanner();

/** The place behind the line that begins at `start`. The line is whole. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  return bytes.indexOf(LF, start) + 1;
}

/** The number that a whole line holds behind its first byte; NaN where it holds none. */
export function numberOfLine(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at++;
  let value = 0;
  const first = at;
  for (; at < bytes.length && bytes[at] !== CR; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  if (at === first) return Number.NaN;
  return isNegative ? -value : value;
}

/** The place of the value itself, behind its attributes. */
function behindAttributes(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  // There may be any number in a row.
  while (bytes[at] === ReplyType.Attribute) {
    let values = 2 * numberOfLine(bytes, at);
    for (at = lineEnd(bytes, at); values > 0; values--) {
      scanner.reset();
      at = scanner.scan(bytes, at, end);
    }
  }
  return at;
}

/**
 * Visits the elements of a whole aggregate in their order, each with its attributes; of a map keys and values in turn. A null
 * has none, and neither has what is no aggregate.
 */
export function forEachElement(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (start: number, end: number) => void,
): void {
  const head = behindAttributes(bytes, start, end);
  const kind = bytes[head];
  if (kind !== ReplyType.Array && kind !== ReplyType.Set && kind !== ReplyType.Push && kind !== ReplyType.Map) return;
  let at = lineEnd(bytes, head);
  const count = numberOfLine(bytes, head) * (kind === ReplyType.Map ? 2 : 1);
  // The number of a streamed one is not known; it ends in a line of its own.
  for (let i = 0; Number.isNaN(count) ? bytes[at] !== ReplyType.End : i < count; i++) {
    const from = at;
    scanner.reset();
    at = scanner.scan(bytes, from, end);
    if (at < 0) return;
    visit(from, at);
  }
}

/** The integer at `start`, also where a bulk string spells it; NaN where there is none. */
export function integerAt(bytes: Uint8Array, start: number): number {
  if (bytes[start] === ReplyType.Integer) return numberOfLine(bytes, start);
  return bytes[start] === ReplyType.Bulk ? numberOfLine(bytes, lineEnd(bytes, start) - 1) : Number.NaN;
}

/** The content of a whole string, simple, bulk or verbatim, or of an error; null where it is none. A view. */
export function stringAt(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  switch (bytes[start]) {
    case ReplyType.Simple:
    case ReplyType.Error:
      return bytes.subarray(start + 1, end - 2);
    case ReplyType.Bulk:
    case ReplyType.BulkError:
    case ReplyType.Verbatim: {
      const length = numberOfLine(bytes, start);
      if (!(length >= 0)) return null;
      const content = bytes.subarray(end - 2 - length, end - 2);
      return bytes[start] === ReplyType.Verbatim ? content.subarray(VERBATIM_HEAD_BYTES) : content;
    }
    default:
      return null;
  }
}

/** A verbatim string begins with three letters that name its format, and a colon (RESP3, "Verbatim string type"). */
export const VERBATIM_HEAD_BYTES = 4;

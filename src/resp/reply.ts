import { Buffer } from 'node:buffer';
import { lineEnd, numberOfLine, VERBATIM_HEAD_BYTES } from './elements.ts';
import { ReplyScanner } from './reply-scanner.ts';
import { ReplyType } from './reply-type.ts';

/** A reply as a value, for code that has to understand it; most replies are passed on as bytes. */
export type Reply =
  | { readonly type: 'simple' | 'error'; readonly text: string }
  | { readonly type: 'integer'; readonly value: number | bigint }
  | { readonly type: 'bulk'; readonly bytes: Buffer }
  | { readonly type: 'verbatim'; readonly format: string; readonly bytes: Buffer }
  | { readonly type: 'null' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'double' | 'big-number'; readonly text: string }
  | { readonly type: 'array' | 'set' | 'push'; readonly items: readonly Reply[] }
  | { readonly type: 'map'; readonly entries: ReadonlyArray<readonly [key: Reply, value: Reply]> };

/** A reply that cannot be made a value: it is not whole, breaks the protocol, or is nested deeper than any command's. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** The replies of Redis's own commands nest a few levels deep. Each level costs a call. */
const MAX_DEPTH = 128;

/** The digits and the sign of an integer of 64 bits: a longer number takes longer to read than anybody should be made to wait. */
const MAX_INTEGER_LENGTH = 20;

/**
 * The reply that bytes[start, end) holds, without its attributes. Its strings are copies.
 * @param maxValues more values, each element and each attribute counted, are not made of one reply
 * @throws ReplyError where the bytes are not exactly one whole reply, or it is nested too deeply, or has too many values
 */
export function decodeReply(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxValues: number = Number.POSITIVE_INFINITY,
): Reply {
  const scanner = new ReplyScanner();
  if (scanner.scan(bytes, start, end) !== end) throw new ReplyError(scanner.fault || 'not exactly one whole reply');
  return new Decoder(bytes, start, maxValues).value(MAX_DEPTH);
}

/** The text of a string or an error; null for other replies. */
export function textOf(reply: Reply): string | null {
  if (reply.type === 'simple' || reply.type === 'error') return reply.text;
  return reply.type === 'bulk' || reply.type === 'verbatim' ? reply.bytes.toString() : null;
}

/** Reads a reply that is known to be whole and in form. */
class Decoder {
  readonly #bytes: Buffer;
  #at: number;
  #valuesLeft: number;

  constructor(bytes: Uint8Array, start: number, maxValues: number) {
    this.#valuesLeft = maxValues;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = start;
  }

  value(depth: number): Reply {
    if (depth === 0) throw new ReplyError(`nested deeper than ${MAX_DEPTH}`);
    if (--this.#valuesLeft < 0) throw new ReplyError('more values than any command answers with');
    // There may be any number of attributes in a row.
    while (this.#bytes[this.#at] === ReplyType.Attribute) this.#elements(2 * this.#length(), depth);
    const kind = this.#bytes[this.#at] as number;
    switch (kind) {
      case ReplyType.Simple:
        return { type: 'simple', text: this.#line() };
      case ReplyType.Error:
        return { type: 'error', text: this.#line() };
      case ReplyType.Integer:
        return { type: 'integer', value: integerOf(this.#line()) };
      case ReplyType.Double:
        return { type: 'double', text: this.#line() };
      case ReplyType.BigNumber:
        return { type: 'big-number', text: this.#line() };
      case ReplyType.Boolean:
        return { type: 'boolean', value: this.#line() === 't' };
      case ReplyType.Null:
        this.#line();
        return { type: 'null' };
      case ReplyType.Bulk:
      case ReplyType.BulkError:
      case ReplyType.Verbatim:
        return this.#string(kind);
      default:
        return this.#aggregate(kind, depth);
    }
  }

  /** The text of the line that begins here, behind its first byte. */
  #line(): string {
    const start = this.#at;
    this.#at = lineEnd(this.#bytes, start);
    return this.#bytes.toString('utf8', start + 1, this.#at - 2);
  }

  /** The number of the line that begins here: NaN where the length is not known. */
  #length(): number {
    const length = numberOfLine(this.#bytes, this.#at);
    this.#at = lineEnd(this.#bytes, this.#at);
    return length;
  }

  #string(kind: number): Reply {
    const length = this.#length();
    if (length < 0) return { type: 'null' };
    const bytes = Number.isNaN(length) ? this.#pieces() : this.#content(length);
    if (kind === ReplyType.BulkError) return { type: 'error', text: bytes.toString() };
    if (kind === ReplyType.Bulk) return { type: 'bulk', bytes };
    const format = bytes.toString('latin1', 0, VERBATIM_HEAD_BYTES - 1);
    return { type: 'verbatim', format, bytes: bytes.subarray(VERBATIM_HEAD_BYTES) };
  }

  #content(length: number): Buffer {
    const content = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length + 2;
    return content;
  }

  #pieces(): Buffer {
    const pieces: Buffer[] = [];
    for (let length = this.#length(); length > 0; length = this.#length()) pieces.push(this.#content(length));
    return Buffer.concat(pieces);
  }

  #aggregate(kind: number, depth: number): Reply {
    const length = this.#length();
    if (length < 0) return { type: 'null' };
    if (kind === ReplyType.Map) return { type: 'map', entries: pairs(this.#elements(2 * length, depth)) };
    const items = this.#elements(length, depth);
    return { type: kind === ReplyType.Set ? 'set' : kind === ReplyType.Push ? 'push' : 'array', items };
  }

  /** What is inside of an aggregate. @param count NaN where a line of its own ends it */
  #elements(count: number, depth: number): Reply[] {
    const items: Reply[] = [];
    for (let i = 0; Number.isNaN(count) ? this.#bytes[this.#at] !== ReplyType.End : i < count; i++)
      items.push(this.value(depth - 1));
    if (Number.isNaN(count)) this.#line();
    return items;
  }
}

function pairs(items: readonly Reply[]): [Reply, Reply][] {
  if (items.length % 2 !== 0) throw new ReplyError('a map with a key that has no value');
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i] as Reply, items[2 * i + 1] as Reply]);
}

/** A number where it is exact, as almost all are. */
function integerOf(text: string): number | bigint {
  if (text.length > MAX_INTEGER_LENGTH) throw new ReplyError(`not an integer of 64 bits: ${text.length} characters`);
  const value = Number(text);
  if (Number.isSafeInteger(value) && text !== '') return value;
  try {
    return BigInt(text);
  } catch (cause) {
    throw new ReplyError(`not an integer: ${text}`, { cause });
  }
}

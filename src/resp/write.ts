import { Buffer } from 'node:buffer';
import type { Protocol } from './reply-type.ts';

// Replies that Keyway makes itself, and commands. What is written into a line takes no CR and no LF: they become blanks, as in Redis.

export const OK = simpleReply('OK');
export const PONG = simpleReply('PONG');
export const QUEUED = simpleReply('QUEUED');

const CRLF = Buffer.from('\r\n');
const NULL_BULK = Buffer.from('$-1\r\n');
const NULL_ARRAY = Buffer.from('*-1\r\n');
const NULL = Buffer.from('_\r\n');

export function simpleReply(text: string): Buffer {
  return Buffer.from(`+${asLine(text)}\r\n`);
}

/** @param text the whole error, beginning with its code */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${asLine(text)}\r\n`);
}

export function integerReply(value: number | bigint): Buffer {
  return Buffer.from(`:${value}\r\n`);
}

export function bulkReply(content: string | Uint8Array): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF]);
}

/** A text for people to read; in RESP2, which has no such type, a string. */
export function verbatimReply(text: string, protocol: Protocol): Buffer {
  if (protocol === 2) return bulkReply(text);
  const content = Buffer.from(`txt:${text}`);
  return Buffer.concat([Buffer.from(`=${content.length}\r\n`), content, CRLF]);
}

export function nullReply(protocol: Protocol): Buffer {
  return protocol === 3 ? NULL : NULL_BULK;
}

export function nullArray(protocol: Protocol): Buffer {
  return protocol === 3 ? NULL : NULL_ARRAY;
}

/** @param parts whole replies */
export function arrayReply(parts: readonly Uint8Array[]): Buffer {
  return aggregate('*', parts.length, parts);
}

/** What a server says unasked, such as a message of a channel; in RESP2, which has no such type, an array. */
export function pushReply(parts: readonly Uint8Array[], protocol: Protocol): Buffer {
  return aggregate(protocol === 3 ? '>' : '*', parts.length, parts);
}

/** @param parts keys and values in turn, as whole replies; in RESP2 they are an array */
export function mapReply(parts: readonly Uint8Array[], protocol: Protocol): Buffer {
  return protocol === 3 ? aggregate('%', parts.length / 2, parts) : arrayReply(parts);
}

function aggregate(kind: string, count: number, parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(`${kind}${count}\r\n`), ...parts]);
}

function asLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}

/** A command as an array of bulk strings, in one piece. */
export function encodeCommand(words: ReadonlyArray<string | Uint8Array>): Buffer {
  let size = arrayHeadBytes(words.length);
  for (const word of words) {
    const length = byteLength(word);
    size += bulkHeadBytes(length) + length + CRLF.length;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = bytes.write(`*${words.length}\r\n`, 0, 'latin1');
  for (const word of words) {
    at += bytes.write(`$${byteLength(word)}\r\n`, at, 'latin1');
    if (typeof word === 'string') at += bytes.write(word, at);
    else {
      bytes.set(word, at);
      at += word.length;
    }
    at += bytes.write('\r\n', at, 'latin1');
  }
  return bytes;
}

function byteLength(word: string | Uint8Array): number {
  return typeof word === 'string' ? Buffer.byteLength(word) : word.length;
}

/** Bytes of the line that begins an array of so many elements. */
export function arrayHeadBytes(count: number): number {
  return digitsOf(count) + 3;
}

/** Bytes of the line that begins a string of so many bytes. */
export function bulkHeadBytes(length: number): number {
  return digitsOf(length) + 3;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

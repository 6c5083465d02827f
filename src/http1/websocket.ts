import { createHash, randomBytes } from 'node:crypto';
import { type Field, field, type HeaderBlock, headerName, NameKind } from '../http/index.ts';

const KEY = headerName('sec-websocket-key');
const ACCEPT = headerName('sec-websocket-accept');
const CONNECT = field(':method', 'CONNECT');
const WEBSOCKET = field(':protocol', 'websocket');
/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The answer to a client's key (RFC 6455, 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64');
}

/** A key for a handshake of our own (RFC 6455, 4.1). */
export function newKey(): string {
  return randomBytes(16).toString('base64');
}

/**
 * Makes of a GET that asks for a WebSocket what HTTP/2 has for it, an extended CONNECT (RFC 8441, 5).
 * @returns the client's key, to be answered; null where the request is none of RFC 6455, and is left as it is
 */
export function toExtendedConnect(block: HeaderBlock): string | null {
  const key = block.get(KEY.text);
  if (key === undefined || Buffer.from(key, 'base64').length !== 16) return null;
  if (block.get(':method') !== 'GET') return null;
  const rest = block.copy().filter(({ name }) => name.kind !== NameKind.Method && name !== KEY);
  block.set([CONNECT, WEBSOCKET, ...rest]);
  return key;
}

/** The fields of an extended CONNECT that an HTTP/1.1 handshake carries as they are. */
export function isHandshakeField({ name }: Field): boolean {
  return name !== KEY && name !== ACCEPT && name.kind !== NameKind.ContentLength;
}

/** Whether a request is an extended CONNECT. Its pseudo-header fields stand first. */
export function isExtendedConnect(block: HeaderBlock): boolean {
  for (let i = 0; i < block.count; i++) {
    const { kind } = (block.fields[i] as Field).name;
    if (kind === NameKind.Protocol) return true;
    if (kind === NameKind.Other) return false;
  }
  return false;
}

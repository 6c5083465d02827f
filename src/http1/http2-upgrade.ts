import { type Field, HeaderBlock } from '../http/index.ts';
import type { RequestHead } from './request-head.ts';

/** What goes before HTTP/2 where a client's request is taken as one of HTTP/2 (RFC 7540, 3.2). */
export const SWITCH_TO_HTTP2 = Buffer.from(
  'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n',
  'latin1',
);

/** A request that is HTTP/2's first: the client's settings, and its fields. */
export interface Http2Upgrade {
  readonly settings: Uint8Array;
  readonly fields: readonly Field[];
}

/** The change to HTTP/2 that a request asks for, in a way that we can follow; null: it is answered as HTTP/1.1. */
export function http2UpgradeOf(request: RequestHead, block: HeaderBlock): Http2Upgrade | null {
  const { http2Settings, contentLength } = request;
  if (http2Settings === '' || contentLength !== 0 || !request.upgradesTo('h2c')) return null;
  return { settings: Buffer.from(http2Settings, 'base64url'), fields: block.copy() };
}

/** Its header block: the one that it was read into has been used again by now. */
export function blockOf({ fields }: Http2Upgrade): HeaderBlock {
  const block = new HeaderBlock();
  block.set(fields);
  return block;
}

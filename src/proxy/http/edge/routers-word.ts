import { type Field, type FieldCache, type HeaderBlock, type HeaderName, headerName } from '../../../http/index.ts';

/** By which version a router routes a request: for the shard, or the sidecar before it. */
const VERSION = headerName('x-keyway-version');
const TOKEN = headerName('x-keyway-token');
/** The key by which a request was routed, percent-encoded, where its route makes it of something else than `x-shard-key`. */
const ROUTED_KEY = headerName('x-keyway-key');
/** It concerns one connection alone (RFC 7540, 3.2.1). */
const HTTP2_SETTINGS = headerName('http2-settings');
/** The header that a sidecar takes keys from, where no router has named the key. */
export const SHARD_KEY = headerName('x-shard-key');

/** What a router says of a request that it sends. */
export interface RoutersWord {
  /** The version by which it routes; 0: it does not say. */
  readonly version: number;
  /** The key: as it names it, latin1, or else the header that holds it; null: there is none. */
  readonly key: Field | string | null;
  /** The header that holds it appears more than once. */
  readonly isRepeated: boolean;
}

/**
 * Takes a router's word out of a request's header section; the key stays there, for the shard.
 * @param header that holds the key where the router does not name it
 */
export function takeRoutersWord(block: HeaderBlock, header: HeaderName): RoutersWord {
  let version = 0;
  let named: string | null = null;
  let found: Field | null = null;
  let isRepeated = false;
  for (let i = block.count - 1; i >= 0; i--) {
    const field = block.fields[i] as Field;
    const { name } = field;
    if (name === header) {
      isRepeated = found !== null;
      found = field;
    } else if (name === ROUTED_KEY) named = decodedKey(field.text);
    else if (name === VERSION) version = Math.max(0, field.integer);
    if (name === VERSION || name === TOKEN || name === HTTP2_SETTINGS) block.remove(i);
  }
  return { version, key: named ?? found, isRepeated: isRepeated && named === null };
}

/** Names the key by which a request is routed. @param key latin1 text, or the field that holds it */
export function routedKeyField(fields: FieldCache, key: Field | string): Field {
  const text = encodedKey(typeof key === 'string' ? key : key.text);
  const bytes = Buffer.from(text, 'latin1');
  return fields.internPlain(ROUTED_KEY, bytes, 0, bytes.length);
}

/** A key may have any bytes, and a header's value may not. */
function encodedKey(key: string): string {
  return key.replaceAll(/[^!-$&-~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** The key that is named in `x-keyway-key`. @returns latin1 text */
function decodedKey(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

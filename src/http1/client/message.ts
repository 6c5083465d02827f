import type { Dispatcher } from 'undici';
import {
  type Field,
  type FieldCache,
  field,
  type HeaderBlock,
  type HeaderName,
  headerName,
  NameKind,
  peerName,
} from '../../http2/index.ts';

const COOKIE = headerName('cookie');
const CONNECTION = headerName('connection');
const TRAILER = headerName('trailer');
const EXPECT = headerName('expect');
const TRANSFER_ENCODING = headerName('transfer-encoding');

/** What an HTTP/2 request may ask for that cannot be asked by undici; or null. */
export function requestFault(fields: readonly Field[]): string | null {
  for (const { name, text } of fields) {
    if (name.kind === NameKind.Path && text === '*') return 'OPTIONS *, which this shard cannot be asked over HTTP/1.1';
    if (name === EXPECT && text.toLowerCase() !== '100-continue')
      return `the expectation ${text}, which is not met here`;
  }
  return null;
}

/** A header section as HTTP/1.1 has it. */
export function optionsOf(block: HeaderBlock): {
  options: Dispatcher.DispatchOptions;
  contentLength: number;
  isHead: boolean;
  expectsContinue: boolean;
} {
  const headers: string[] = [];
  let method = 'GET';
  let path = '/';
  let contentLength = -1;
  let cookie = '';
  // Undici has one of its own where there is none (RFC 9112, 3.2).
  let host = '';
  let expectsContinue = false;
  for (let i = 0; i < block.count; i++) {
    const each = block.fields[i] as Field;
    const { name, text } = each;
    if (name.kind === NameKind.Method) method = text;
    else if (name.kind === NameKind.Path) path = text;
    else if (name.kind === NameKind.Authority) host = text;
    else if (name === EXPECT) expectsContinue = true;
    // Trailers have no place in what undici sends.
    else if (name.kind === NameKind.Scheme || name.kind === NameKind.Te || name === TRAILER) continue;
    // Crumbs go together again (RFC 9113, 8.2.3).
    else if (name === COOKIE) cookie += cookie === '' ? text : `; ${text}`;
    else {
      if (name.kind === NameKind.ContentLength) contentLength = each.integer;
      headers.push(name.text, text);
    }
  }
  headers.push('host', host);
  if (cookie !== '') headers.push('cookie', cookie);
  return { options: { method, path, headers }, contentLength, isHead: method === 'HEAD', expectsContinue };
}

const statusFields = new Map<number, Field>();

export function statusField(status: number): Field {
  const known = statusFields.get(status);
  if (known !== undefined) return known;
  const made = field(':status', String(status));
  statusFields.set(status, made);
  return made;
}

/**
 * Fills a block with what undici received: names and values in turn. What concerns its connection alone is left out.
 * @returns false where the content is coded in a way that undici has not undone, and nobody behind would know
 */
export function fillBlock(
  block: HeaderBlock,
  fields: FieldCache,
  raw: readonly Buffer[],
  status: Field | null,
): boolean {
  block.clear();
  if (status !== null) block.push(status);
  let nominated = '';
  let isPlain = true;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const value = raw[i + 1] as Buffer;
    const name = peerName((raw[i] as Buffer).toString('latin1').toLowerCase());
    if (name === CONNECTION) nominated += `,${value.toString('latin1').toLowerCase()}`;
    else if (name === TRANSFER_ENCODING) isPlain &&= value.toString('latin1').trim().toLowerCase() === 'chunked';
    const own = name.kind === NameKind.ConnectionSpecific || name === TRAILER || name.kind === NameKind.Te;
    if (!own) pushTrimmed(block, fields, name, value);
  }
  if (nominated !== '' && nominated !== ',keep-alive' && nominated !== ',close') removeNominated(block, nominated);
  return isPlain;
}

/** Undici leaves the blanks in that stand behind a value; they are no part of it (RFC 9112, 5.1). */
function pushTrimmed(block: HeaderBlock, fields: FieldCache, name: HeaderName, value: Buffer): void {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) start++;
  while (end > start && isBlank(value[end - 1])) end--;
  block.push(fields.internPlain(name, value, start, end));
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** What `Connection` names concerns that connection alone (RFC 9110, 7.6.1), but for what tells of the content. */
function removeNominated(block: HeaderBlock, nominated: string): void {
  const names = new Set(nominated.split(',').map((each) => each.trim()));
  block.removeWhere(
    ({ name }) => name.kind !== NameKind.Status && name.kind !== NameKind.ContentLength && names.has(name.text),
  );
}

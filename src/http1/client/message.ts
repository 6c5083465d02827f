import type { Dispatcher } from 'undici';
import { type Field, type FieldCache, field, type HeaderBlock, headerName, NameKind } from '../../http2/index.ts';
import { HOST_VALUE, TARGET, TOKEN } from '../syntax.ts';

const COOKIE = headerName('cookie');
const CONNECTION = headerName('connection');
const TRAILER = headerName('trailer');

/** What an HTTP/2 message may have that would be more than one line, or another line, in HTTP/1.1 (RFC 9113, 10.3); or null. */
export function requestFault(fields: readonly Field[]): string | null {
  for (const { name, text } of fields) {
    if (name.kind === NameKind.Method && !TOKEN.test(text)) return 'a method with a character that none may have';
    if (name.kind === NameKind.Path && !TARGET.test(text)) return 'a path with a character that none may have';
    if (name.kind === NameKind.Authority && !HOST_VALUE.test(text)) return 'an authority that is no host';
  }
  return null;
}

/** A header section as HTTP/1.1 has it. */
export function optionsOf(block: HeaderBlock): {
  options: Dispatcher.DispatchOptions;
  contentLength: number;
  isHead: boolean;
} {
  const headers: string[] = [];
  let method = 'GET';
  let path = '/';
  let contentLength = -1;
  let cookie = '';
  for (let i = 0; i < block.count; i++) {
    const each = block.fields[i] as Field;
    const { name, text } = each;
    if (name.kind === NameKind.Method) method = text;
    else if (name.kind === NameKind.Path) path = text;
    else if (name.kind === NameKind.Authority) headers.push('host', text);
    else if (name.kind === NameKind.Scheme || name.kind === NameKind.Te || name.text === 'expect') continue;
    // Crumbs go together again (RFC 9113, 8.2.3).
    else if (name === COOKIE) cookie += cookie === '' ? text : `; ${text}`;
    else {
      if (name.kind === NameKind.ContentLength) contentLength = each.integer;
      headers.push(name.text, text);
    }
  }
  if (cookie !== '') headers.push('cookie', cookie);
  return { options: { method, path, headers }, contentLength, isHead: method === 'HEAD' };
}

const statusFields = new Map<number, Field>();

export function statusField(status: number): Field {
  const known = statusFields.get(status);
  if (known !== undefined) return known;
  const made = field(':status', String(status));
  statusFields.set(status, made);
  return made;
}

/** Fills a block with what undici received: names and values in turn. What concerns its connection alone is left out. */
export function fillBlock(block: HeaderBlock, fields: FieldCache, raw: readonly Buffer[], status: Field | null): void {
  block.clear();
  if (status !== null) block.push(status);
  let nominated = '';
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const value = raw[i + 1] as Buffer;
    const name = headerName((raw[i] as Buffer).toString('latin1').toLowerCase());
    if (name === CONNECTION) nominated = value.toString('latin1').toLowerCase();
    const own = name.kind === NameKind.ConnectionSpecific || name === TRAILER || name.kind === NameKind.Te;
    if (!own) block.push(fields.internPlain(name, value, 0, value.length));
  }
  if (nominated === '' || nominated === 'keep-alive' || nominated === 'close') return;
  const names = nominated.split(',').map((each) => each.trim());
  for (let i = block.count - 1; i > 0; i--) if (names.includes((block.fields[i] as Field).name.text)) block.remove(i);
}

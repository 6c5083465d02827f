import { type Field, type HeaderBlock, type HeaderName, headerName, type MessageHead } from '../http2/index.ts';
import { Pattern } from './pattern.ts';

/** One place that a key may come from. With a pattern, the key is its first group (see `Pattern.extract`). */
export type ShardKeySource =
  | { readonly header: string; readonly pattern?: string | undefined }
  | { readonly value: string }
  | { readonly path: string }
  | { readonly query: string; readonly pattern?: string | undefined }
  | { readonly cookie: string; readonly pattern?: string | undefined }
  | { readonly clientAddress: true };

/** What of a request a key may be made of. */
export interface KeyMaterial {
  readonly head: MessageHead;
  readonly block: HeaderBlock;
  /** The client's address, without its port. */
  readonly clientAddress: string;
}

/** A key, or why there is none. Text is latin1: a character for a byte, as headers are. */
export type ExtractedKey = { readonly key: string } | { readonly missing: string };

/** Takes a request's key from the first of several places that has one. */
export class ShardKeyRule {
  readonly #sources: ReadonlyArray<(material: KeyMaterial) => ExtractedKey>;

  constructor(sources: readonly ShardKeySource[]) {
    this.#sources = sources.map(extractorOf);
  }

  extract(material: KeyMaterial): ExtractedKey {
    const faults: string[] = [];
    for (const source of this.#sources) {
      const found = source(material);
      if ('key' in found) return found;
      faults.push(found.missing);
    }
    return { missing: faults.join('; ') };
  }
}

function extractorOf(source: ShardKeySource): (material: KeyMaterial) => ExtractedKey {
  if ('value' in source) {
    const key = Buffer.from(source.value, 'utf8').toString('latin1');
    return () => ({ key });
  }
  if ('clientAddress' in source) return ({ clientAddress }) => ({ key: clientAddress });
  if ('path' in source) {
    const cut = cutter('the path', source.path);
    return ({ head }) => cut(pathOf(head).path);
  }
  if ('query' in source) {
    const cut = cutter(`the query parameter ${source.query}`, source.pattern);
    return ({ head }) => cut(queryParameter(pathOf(head).query, source.query));
  }
  if ('cookie' in source) {
    const cut = cutter(`the cookie ${source.cookie}`, source.pattern);
    return ({ block }) => cut(cookieOf(block, source.cookie));
  }
  const name = headerName(source.header.toLowerCase());
  const what = `the shard key header ${name.text}`;
  const cut = cutter(what, source.pattern);
  return ({ block }) => {
    const [value, other] = headerValues(block, name);
    return other === undefined ? cut(value) : { missing: `${what} stands more than once` };
  };
}

/** Judges a value and cuts the key out of it; `what` names the place in messages. */
function cutter(what: string, pattern: string | undefined): (value: string | undefined) => ExtractedKey {
  const expression = pattern === undefined ? null : new Pattern(pattern);
  return (value) => {
    if (value === undefined) return { missing: `${what} is missing` };
    if (value === '') return { missing: `${what} is empty` };
    if (expression === null) return { key: value };
    const key = expression.extract(value);
    return key === null || key === '' ? { missing: `${what} does not match ${pattern}` } : { key };
  };
}

/** A request's path and query; `*` has neither. */
export function pathOf(head: MessageHead): { path: string; query: string } {
  const text = head.path?.text ?? '';
  const mark = text.indexOf('?');
  return mark < 0 ? { path: text, query: '' } : { path: text.slice(0, mark), query: text.slice(mark + 1) };
}

function queryParameter(query: string, name: string): string | undefined {
  const value = new URLSearchParams(query).get(name);
  return value === null ? undefined : Buffer.from(value, 'utf8').toString('latin1');
}

/** The values of a header, in the order of the list. */
export function headerValues(block: HeaderBlock, name: HeaderName): string[] {
  const values: string[] = [];
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as Field;
    if (field.name === name) values.push(field.text);
  }
  return values;
}

const COOKIE = headerName('cookie');

/** A cookie's value (RFC 6265, 4.2); HTTP/2 may send the header in several crumbs (RFC 9113, 8.2.3). */
function cookieOf(block: HeaderBlock, name: string): string | undefined {
  for (const crumb of headerValues(block, COOKIE).flatMap((value) => value.split(';'))) {
    const equals = crumb.indexOf('=');
    if (equals > 0 && crumb.slice(0, equals).trim() === name) return crumb.slice(equals + 1).trim();
  }
  return undefined;
}

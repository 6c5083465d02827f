import {
  canonicalPath,
  canonicalQueryText,
  decodedQueryText,
  type Field,
  type HeaderBlock,
  type HeaderName,
  headerName,
  type MessageHead,
} from '../../../http/index.ts';
import { Pattern } from './pattern.ts';

/** One place that a key may come from. With a pattern, the key is its first group (see `Pattern.extract`). */
export type ShardKeySource =
  | { readonly header: string; readonly pattern?: string | undefined }
  | { readonly value: string }
  | { readonly path: string }
  /** `decoded`: the key is what the value stands for; otherwise the text that Envoy hashes, which is still encoded. */
  | { readonly query: string; readonly decoded?: boolean | undefined; readonly pattern?: string | undefined }
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
    const key = asLatin1(source.value);
    return () => ({ key });
  }
  if ('clientAddress' in source) return ({ clientAddress }) => ({ key: clientAddress });
  if ('path' in source) {
    const cut = cutter('the path', source.path);
    return ({ head }) => cut(pathOf(head).path);
  }
  if ('query' in source) {
    const cut = cutter(`the query parameter ${source.query}`, source.pattern);
    const read = source.decoded === true ? decodedQueryText : canonicalQueryText;
    return ({ head }) => cut(...distinct(queryValues(pathOf(head).query, source.query).map(read)));
  }
  if ('cookie' in source) {
    const cut = cutter(`the cookie ${source.cookie}`, source.pattern);
    return ({ block }) => cut(...distinct(cookieValues(block, source.cookie)));
  }
  const name = headerName(source.header.toLowerCase());
  const cut = cutter(`the shard key header ${name.text}`, source.pattern);
  return ({ block }) => cut(...headerValues(block, name));
}

/** The same value twice leaves no doubt. */
const distinct = (values: readonly string[]): Set<string> => new Set(values);

/**
 * Judges the values of a place, which `what` names in messages, and cuts the key out of the only one. Of two, the shard
 * might use the other.
 */
function cutter(what: string, pattern: string | undefined): (...values: readonly string[]) => ExtractedKey {
  const expression = pattern === undefined ? null : new Pattern(pattern);
  return (value, other) => {
    if (other !== undefined) return { missing: `${what} appears more than once` };
    if (value === undefined) return { missing: `${what} is missing` };
    if (value === '') return { missing: `${what} is empty` };
    if (expression === null) return { key: value };
    const key = expression.extract(value);
    return key === null || key === '' ? { missing: `${what} does not match ${pattern}` } : { key };
  };
}

/** A request's path in its one spelling, and its query; `*` has neither. */
export function pathOf(head: MessageHead): { path: string; query: string } {
  return splitTarget(head.path?.text ?? '');
}

/** The path of a target in its one spelling, and its query. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: canonicalPath(target), query: '' };
  return { path: canonicalPath(target.slice(0, mark)), query: target.slice(mark + 1) };
}

/** The values of a parameter as they came, still encoded. Its name may be encoded too. */
function queryValues(query: string, name: string): string[] {
  return query.split('&').flatMap((part) => {
    const equals = part.indexOf('=');
    const isNamed = (text: string): boolean => text === name || decodedQueryText(text) === asLatin1(name);
    if (equals < 0) return isNamed(part) ? [''] : [];
    return isNamed(part.slice(0, equals)) ? [part.slice(equals + 1)] : [];
  });
}

/** A text as the bytes of its UTF-8, each a character, as headers are. */
export function asLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
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

/**
 * The values of a cookie (RFC 6265, 4.2), without the quotes that may stand around one, as Envoy takes them. HTTP/2 may send
 * the header in several crumbs (RFC 9113, 8.2.3).
 */
function cookieValues(block: HeaderBlock, name: string): string[] {
  const crumbs = headerValues(block, COOKIE).flatMap((value) => value.split(';'));
  return crumbs.flatMap((crumb) => {
    const equals = crumb.indexOf('=');
    if (equals <= 0 || crumb.slice(0, equals).trim() !== name) return [];
    return [
      crumb
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    ];
  });
}

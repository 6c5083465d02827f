import {
  type Field,
  type FieldCache,
  field,
  type HeaderBlock,
  type HeaderName,
  HOST_VALUE,
  headerName,
  LAST_PSEUDO_KIND,
  NameKind,
  TARGET,
  TOKEN,
} from '../http/index.ts';
import { badRequest, foreign, type Http1Fault } from './fault.ts';
import { type FieldTaker, readFieldLines } from './field-lines.ts';
import { tokens } from './tokens.ts';

const CR = 13;
const SPACE = 32;

const METHOD = headerName(':method');
const PATH = headerName(':path');
const AUTHORITY = headerName(':authority');
const CONNECTION = headerName('connection');
const TRANSFER_ENCODING = headerName('transfer-encoding');
const UPGRADE = headerName('upgrade');
const EXPECT = headerName('expect');
const HTTP2_SETTINGS = headerName('http2-settings');
const TE_TRAILERS = field('te', 'trailers');
const NO_AUTHORITY = field(':authority', '');
/** Where the block has the authority: behind method, scheme and path. */
const AUTHORITY_INDEX = 3;

const ABSOLUTE_TARGET = /^https?:\/\/([^/?]+)([/?].*)?$/i;

/** How a request's content is delimited: by length, or in chunks. */
export const CHUNKED = -1;

/** What of a request's head HTTP/1.1 itself acts on, rather than what routes the request. */
export class RequestHead implements FieldTaker {
  isHttp10 = false;
  isHead = false;
  /** The connection may go on after this request. */
  keepAlive = true;
  expectsContinue = false;
  /** The protocols that the client would change to, in small letters; empty where it does not ask. */
  upgrade = '';
  http2Settings = '';
  /** Bytes of content, or CHUNKED. */
  contentLength = 0;
  readonly #fields: FieldCache;
  readonly #scheme: Field;
  readonly #ownAddress: () => string;
  #block: HeaderBlock | null = null;
  #hostSeen: Field | null = null;
  #authority: Field | null = null;
  #hasContentLength = false;
  #isChunked = false;
  #nominated: Set<string> | null = null;
  #upgrades = '';

  /**
   * @param scheme of all requests of the connection, https where TLS is on it
   * @param ownAddress the host for a client of HTTP/1.0 that names none
   */
  constructor(fields: FieldCache, scheme: 'http' | 'https', ownAddress: () => string) {
    this.#fields = fields;
    this.#ownAddress = ownAddress;
    this.#scheme = field(':scheme', scheme);
  }

  /**
   * Reads the head bytes[start, end) into `block` as HTTP/2 would have brought it: pseudo-header fields, names in small
   * letters, nothing that concerns this connection alone (RFC 9113, 8.2.2 and 8.3.1).
   */
  read(bytes: Uint8Array, start: number, end: number, block: HeaderBlock): Http1Fault | null {
    this.#clear();
    this.#block = block;
    block.clear();
    let lineEnd = start;
    while (bytes[lineEnd] !== CR) lineEnd++;
    const fault =
      this.#readRequestLine(bytes, start, lineEnd, block) ??
      readFieldLines(this.#fields, bytes, lineEnd + 2, end, this) ??
      this.#judge();
    if (fault !== null) return fault;
    if (this.#authority === null) block.remove(AUTHORITY_INDEX);
    else block.replace(AUTHORITY_INDEX, this.#authority);
    if (this.#nominated !== null) removeNominated(this.#nominated, block);
    return null;
  }

  /** Whether the client would change to `protocol`, given in small letters. */
  upgradesTo(protocol: string): boolean {
    return this.upgrade !== '' && tokens(this.upgrade).includes(protocol);
  }

  #clear(): void {
    this.isHttp10 = false;
    this.isHead = false;
    this.keepAlive = true;
    this.expectsContinue = false;
    this.upgrade = '';
    this.http2Settings = '';
    this.contentLength = 0;
    this.#hostSeen = null;
    this.#authority = null;
    this.#hasContentLength = false;
    this.#isChunked = false;
    this.#nominated = null;
    this.#upgrades = '';
  }

  #readRequestLine(bytes: Uint8Array, start: number, end: number, block: HeaderBlock): Http1Fault | null {
    let methodEnd = start;
    while (methodEnd < end && bytes[methodEnd] !== SPACE) methodEnd++;
    let targetEnd = methodEnd + 1;
    while (targetEnd < end && bytes[targetEnd] !== SPACE) targetEnd++;
    if (targetEnd >= end) return foreign('a request line without method, target and version');
    const fault = this.#readVersion(bytes, targetEnd + 1, end);
    if (fault !== null) return fault;
    const method = this.#fields.internPlain(METHOD, bytes, start, methodEnd);
    if (!TOKEN.test(method.text)) return badRequest('a method with a forbidden character');
    this.isHead = method.text === 'HEAD';
    block.push(method);
    block.push(this.#scheme);
    return this.#readTarget(method.text, bytes, methodEnd + 1, targetEnd, block);
  }

  #readVersion(bytes: Uint8Array, start: number, end: number): Http1Fault | null {
    const version = end - start > 16 ? '' : Buffer.from(bytes.subarray(start, end)).toString('latin1');
    if (version === 'HTTP/1.1') return null;
    if (version === 'HTTP/1.0') {
      this.isHttp10 = true;
      this.keepAlive = false;
      return null;
    }
    if (/^HTTP\/[0-9]\.[0-9]$/.test(version))
      return { status: 505, message: `${version} is not supported; use HTTP/1.1 or HTTP/2` };
    return foreign('a request line that does not end in HTTP/1.1');
  }

  #readTarget(method: string, bytes: Uint8Array, start: number, end: number, block: HeaderBlock): Http1Fault | null {
    const path = this.#fields.internPlain(PATH, bytes, start, end);
    if (!TARGET.test(path.text)) return badRequest('a request target with a forbidden character');
    if (method === 'CONNECT') return { status: 501, message: 'this server is not a proxy for CONNECT' };
    if (path.text.startsWith('/') || (path.text === '*' && method === 'OPTIONS')) {
      block.push(path);
      block.push(NO_AUTHORITY);
      return null;
    }
    const absolute = ABSOLUTE_TARGET.exec(path.text);
    if (absolute === null) return badRequest('a request target that does not begin with /');
    // OPTIONS of a host as a whole has its own form (RFC 9112, 3.2.4).
    const [, host = '', rest = method === 'OPTIONS' ? '*' : '/'] = absolute;
    if (!HOST_VALUE.test(host)) return badRequest('a request target with an invalid host');
    const origin = Buffer.from(rest.startsWith('?') ? `/${rest}` : rest, 'latin1');
    block.push(this.#fields.internPlain(PATH, origin, 0, origin.length));
    block.push(NO_AUTHORITY);
    // It stands above the Host header (RFC 9112, 3.2.2).
    this.#authority = this.#authorityOf(host);
    return null;
  }

  #authorityOf(host: string): Field {
    const bytes = Buffer.from(host, 'latin1');
    return this.#fields.internPlain(AUTHORITY, bytes, 0, bytes.length);
  }

  takeField(each: Field): Http1Fault | null {
    const block = this.#block as HeaderBlock;
    const { name } = each;
    switch (name.kind) {
      case NameKind.Other:
        return this.#takeOther(name, each, block);
      case NameKind.Host:
        if (this.#hostSeen !== null) return badRequest('Host more than once');
        if (!each.wellFormed) return badRequest('an invalid Host');
        this.#hostSeen = each;
        return null;
      case NameKind.ContentLength:
        if (this.#hasContentLength) return badRequest('content-length more than once');
        if (each.integer < 0) return badRequest('a content-length that is not a number');
        this.#hasContentLength = true;
        this.contentLength = each.integer;
        block.push(each);
        return null;
      case NameKind.ConnectionSpecific:
        return this.#takeConnectionSpecific(name, each.text.toLowerCase());
      case NameKind.Te:
        if (tokens(each.text.toLowerCase()).includes('trailers')) block.push(TE_TRAILERS);
        return null;
      default:
        block.push(each);
        return null;
    }
  }

  #takeOther(name: HeaderName, each: Field, block: HeaderBlock): Http1Fault | null {
    if (name === EXPECT) {
      if (each.text.toLowerCase() !== '100-continue')
        return { status: 417, message: `Expect: ${each.text} is not supported; 100-continue is` };
      this.expectsContinue = !this.isHttp10;
    } else if (name === HTTP2_SETTINGS) this.http2Settings = each.text;
    else block.push(each);
    return null;
  }

  #takeConnectionSpecific(name: HeaderName, value: string): Http1Fault | null {
    if (name === CONNECTION) {
      this.#nominated ??= new Set();
      for (const token of tokens(value)) this.#nominated.add(token);
    } else if (name === UPGRADE) this.#upgrades = value;
    else if (name === TRANSFER_ENCODING) {
      if (this.#isChunked) return badRequest('transfer-encoding more than once');
      if (value !== 'chunked') return { status: 501, message: 'the only supported transfer-encoding is chunked' };
      this.#isChunked = true;
    }
    return null;
  }

  /** What the headers say together. */
  #judge(): Http1Fault | null {
    const host = this.#hostSeen;
    if (host === null && !this.isHttp10) return badRequest('no Host');
    if (this.#authority === null && host?.valueLength !== 0)
      this.#authority = this.#authorityOf(host?.text ?? this.#ownAddress());
    if (this.#isChunked) {
      // One of the two would be believed by the next recipient and the other by us (RFC 9112, 6.1 and 6.3).
      if (this.#hasContentLength) return badRequest('both content-length and transfer-encoding');
      if (this.isHttp10) return badRequest('transfer-encoding in HTTP/1.0');
      this.contentLength = CHUNKED;
    }
    const nominated = this.#nominated;
    if (nominated !== null) {
      if (nominated.has('close')) this.keepAlive = false;
      else if (this.isHttp10 && nominated.has('keep-alive')) this.keepAlive = true;
      if (nominated.has('upgrade') && !this.isHttp10) this.upgrade = this.#upgrades;
    }
    return null;
  }
}

/** What `Connection` names concerns this connection alone (RFC 9110, 7.6.1). */
function removeNominated(names: ReadonlySet<string>, block: HeaderBlock): void {
  let others = false;
  for (const name of names) if (name !== 'keep-alive' && name !== 'close' && name !== 'upgrade') others = true;
  if (!others) return;
  block.removeWhere(
    ({ name: { kind, text } }) =>
      (kind === NameKind.Other || kind > LAST_PSEUDO_KIND) &&
      kind !== NameKind.Te &&
      kind !== NameKind.ContentLength &&
      names.has(text),
  );
}

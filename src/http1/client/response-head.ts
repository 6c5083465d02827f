import { type Field, type FieldCache, field, type HeaderBlock, headerName, NameKind } from '../../http/index.ts';
import { badRequest, type Http1Fault } from '../fault.ts';
import { type FieldTaker, readFieldLines } from '../field-lines.ts';
import { CHUNKED } from '../request-head.ts';
import { tokens } from '../tokens.ts';

const CR = 13;
const SPACE = 32;
const ZERO = 48;
const CONNECTION = headerName('connection');
const KEEP_ALIVE = headerName('keep-alive');
const TRAILER = headerName('trailer');
const TRANSFER_ENCODING = headerName('transfer-encoding');
const ACCEPT = headerName('sec-websocket-accept');
const VERSION = Buffer.from('HTTP/1.', 'latin1');
/** Of the status in a status line: `HTTP/1.1 200`. */
const STATUS_AT = 9;
const STATUS_END = 12;

const statusFields: Field[] = [];

export function statusField(status: number): Field {
  statusFields[status] ??= field(':status', String(status));
  return statusFields[status];
}

/** The content ends with the connection (RFC 9112, 6.3). */
export const UNTIL_CLOSE = -2;

/** What of a response's head HTTP/1.1 itself acts on. */
export class ResponseHead implements FieldTaker {
  status = 0;
  /** The connection may go on after this response. */
  keepAlive = true;
  /** How long the shard says that it keeps an idle connection; 0: it does not say. */
  keepAliveMs = 0;
  /** Bytes of content, CHUNKED or UNTIL_CLOSE. */
  contentLength = 0;
  /** The answer to a WebSocket's key; empty where there is none. */
  webSocketAccept = '';
  readonly #fields: FieldCache;
  #block: HeaderBlock | null = null;
  #isHttp10 = false;
  #length = -1;
  #isChunked = false;
  #nominated: string[] | null = null;

  constructor(fields: FieldCache) {
    this.#fields = fields;
  }

  /**
   * Reads the head bytes[start, end) into `block` as HTTP/2 would have brought it: names in small letters, nothing that
   * concerns this connection alone (RFC 9113, 8.2.2).
   * @param isHead the request's method was HEAD, whose answer has no content
   */
  read(bytes: Uint8Array, start: number, end: number, block: HeaderBlock, isHead: boolean): Http1Fault | null {
    this.keepAlive = true;
    this.keepAliveMs = 0;
    this.webSocketAccept = '';
    this.#block = block;
    this.#length = -1;
    this.#isChunked = false;
    this.#nominated = null;
    block.clear();
    let lineEnd = start;
    while (bytes[lineEnd] !== CR) lineEnd++;
    const fault =
      this.#readStatusLine(bytes, start, lineEnd) ??
      readFieldLines(this.#fields, bytes, lineEnd + 2, end, this, 'response') ??
      this.#judge(isHead);
    if (fault === null && this.#nominated !== null) removeNominated(this.#nominated, block);
    return fault;
  }

  #readStatusLine(bytes: Uint8Array, start: number, end: number): Http1Fault | null {
    for (let i = 0; i < VERSION.length; i++)
      if (bytes[start + i] !== VERSION[i]) return badRequest('a status line that does not begin with HTTP/1.1');
    const minor = bytes[start + VERSION.length] as number;
    let status = 0;
    for (let at = start + STATUS_AT; at < start + STATUS_END; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (at >= end || digit < 0 || digit > 9) return badRequest('a status line without a status of three digits');
      status = status * 10 + digit;
    }
    const hasSpace = bytes[start + STATUS_AT - 1] === SPACE;
    const isEnded = start + STATUS_END === end || bytes[start + STATUS_END] === SPACE;
    if (minor < ZERO || minor > ZERO + 9 || !hasSpace || !isEnded || status < 100)
      return badRequest('a status line that is malformed');
    this.#isHttp10 = minor === ZERO;
    this.status = status;
    this.#block?.push(statusField(status));
    return null;
  }

  takeField(each: Field): Http1Fault | null {
    const { name } = each;
    if (name.kind === NameKind.ConnectionSpecific) return this.#takeConnectionSpecific(each);
    if (name.kind === NameKind.ContentLength) return this.#takeLength(each);
    if (name === ACCEPT) this.webSocketAccept = each.text;
    if (name.kind !== NameKind.Te && name !== TRAILER) this.#block?.push(each);
    return null;
  }

  /** Equal lengths are one (RFC 9110, 8.6); by lengths that differ, another reader would find another end. */
  #takeLength(each: Field): Http1Fault | null {
    const isRepeated = this.#length >= 0;
    const values = each.integer >= 0 ? [each.integer] : each.text.split(',').map((one) => lengthOf(one.trim()));
    for (const value of values) {
      if (value < 0) return badRequest('a content-length that is not a number');
      if (this.#length >= 0 && this.#length !== value) return badRequest('content-lengths that differ');
      this.#length = value;
    }
    if (!isRepeated) this.#block?.push(each.integer >= 0 ? each : field('content-length', String(this.#length)));
    return null;
  }

  #takeConnectionSpecific({ name, text }: Field): Http1Fault | null {
    if (name === CONNECTION) {
      this.#nominated ??= [];
      this.#nominated.push(...tokens(text.toLowerCase()));
    } else if (name === KEEP_ALIVE) this.keepAliveMs = 1000 * Number(/timeout=(\d{1,6})/i.exec(text)?.[1] ?? 0);
    else if (name === TRANSFER_ENCODING) {
      if (this.#isChunked) return badRequest('transfer-encoding more than once');
      if (text.toLowerCase() !== 'chunked') return badRequest(`transfer-encoding ${text}, which was not asked for`);
      this.#isChunked = true;
    }
    return null;
  }

  /** What the headers say together (RFC 9112, 6.3). */
  #judge(isHead: boolean): Http1Fault | null {
    const { status } = this;
    // One of the two would be believed by the next recipient and the other by us.
    if (this.#isChunked && this.#length >= 0) return badRequest('both content-length and transfer-encoding');
    if (this.#isChunked && this.#isHttp10) return badRequest('transfer-encoding in HTTP/1.0');
    const hasNone = status < 200 || status === 204;
    if (hasNone || status === 304 || isHead) this.contentLength = 0;
    else this.contentLength = this.#isChunked ? CHUNKED : this.#length >= 0 ? this.#length : UNTIL_CLOSE;
    const nominated = this.#nominated;
    if (nominated?.includes('close') === true) this.keepAlive = false;
    else if (this.#isHttp10) this.keepAlive = nominated?.includes('keep-alive') === true;
    if (this.contentLength === UNTIL_CLOSE) this.keepAlive = false;
    return null;
  }
}

function lengthOf(text: string): number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : -1;
}

/** What `Connection` names concerns this connection alone (RFC 9110, 7.6.1). */
function removeNominated(names: readonly string[], block: HeaderBlock): void {
  if (names.every((name) => name === 'keep-alive' || name === 'close' || name === 'upgrade')) return;
  const nominated = new Set(names);
  block.removeWhere(({ name }) => name.kind !== NameKind.ContentLength && nominated.has(name.text));
}

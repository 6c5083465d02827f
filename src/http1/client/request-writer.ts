import { type Field, type HeaderBlock, headerName, NameKind } from '../../http/index.ts';
import { isRegular, MessageWriter } from '../message-writer.ts';
import { isHandshakeField } from '../websocket.ts';

const SPACE = 32;
const COOKIE = headerName('cookie');
const EXPECT = headerName('expect');
const HOST_PREFIX = headerName('host').linePrefix;
const COOKIE_SEPARATOR = Buffer.from('; ', 'latin1');
const VERSION_LINE = Buffer.from(' HTTP/1.1\r\n', 'latin1');
const NO_HOST_LINE = Buffer.from('host: \r\n', 'latin1');
const CHUNKED_LINE = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');
const NO_CONTENT_LINE = Buffer.from('content-length: 0\r\n', 'latin1');
/** Methods whose content means something: that there is none has to be said (RFC 9110, 8.6). */
const MEANS_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/** How a request shows where its content ends (RFC 9112, 6.3). */
type Framing = 'none' | 'length' | 'chunked';

/** What of a request its answer depends on. */
export interface RequestFacts {
  isHead: boolean;
  /** The client waits for a 100 before it sends its content, and gets the shard's. */
  expectsContinue: boolean;
}

/** Writes requests into a connection's output, one after the other (RFC 9112), from fields as HTTP/2 has them. */
export class RequestWriter extends MessageWriter {
  #framing: Framing = 'none';
  /** Of the request that was written last. */
  readonly facts: RequestFacts = { isHead: false, expectsContinue: false };

  /** A head, whose fields have been found to be what they may be: no line end or blank makes another line of one. */
  head(block: HeaderBlock, endStream: boolean): void {
    const method = this.#begin(block);
    this.facts.isHead = method === 'HEAD';
    this.facts.expectsContinue = false;
    const hasLength = this.#fieldsOf(block, endStream);
    this.#framing = hasLength ? 'length' : endStream ? 'none' : 'chunked';
    if (this.#framing === 'chunked') this.raw(CHUNKED_LINE);
    else if (this.#framing === 'none' && MEANS_CONTENT.has(method)) this.raw(NO_CONTENT_LINE);
    this.lineEnd();
  }

  /** The head of a WebSocket's handshake (RFC 6455, 4.1). */
  webSocket(block: HeaderBlock, key: string): void {
    this.#begin(block, 'GET');
    this.facts.isHead = false;
    this.facts.expectsContinue = false;
    this.#framing = 'length';
    this.raw(Buffer.from(`connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\n`, 'latin1'));
    block.removeWhere((field) => !isHandshakeField(field));
    this.#fieldsOf(block, true);
    this.lineEnd();
  }

  /** The request line and the one Host (RFC 9112, 3.2). @returns the method */
  #begin(block: HeaderBlock, as: string | null = null): string {
    let method: Field | null = null;
    let path: Field | null = null;
    let host: Field | null = null;
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      const { name } = field;
      if (name.kind === NameKind.Method) method = field;
      else if (name.kind === NameKind.Path) path = field;
      else if (name.kind === NameKind.Authority) host = field;
    }
    const { output } = this;
    if (as !== null || method === null) this.raw(Buffer.from(as ?? 'GET', 'latin1'));
    else this.#value(method);
    output.reserve(1);
    output.bytes[output.length++] = SPACE;
    if (path !== null) this.#value(path);
    this.raw(VERSION_LINE);
    if (host === null) this.raw(NO_HOST_LINE);
    else this.field(HOST_PREFIX, host);
    return as ?? method?.text ?? 'GET';
  }

  #value(field: Field): void {
    const { output } = this;
    output.reserve(field.valueLength);
    output.length = field.writeValue(output.bytes, output.length);
  }

  /** What stands behind the Host. @returns whether the content's length is among it */
  #fieldsOf(block: HeaderBlock, endStream: boolean): boolean {
    let hasLength = false;
    let cookies = 0;
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      const { name } = field;
      if (name === COOKIE) cookies++;
      else if (name.kind === NameKind.ContentLength) {
        hasLength = true;
        this.field(name.linePrefix, field);
      } else if (name === EXPECT) {
        if (endStream) continue;
        this.facts.expectsContinue = field.text.toLowerCase() === '100-continue';
        this.field(name.linePrefix, field);
      } else if (isRegular(name.kind) && name.kind !== NameKind.Te && name.kind !== NameKind.Host)
        this.field(name.linePrefix, field);
    }
    if (cookies > 0) this.#cookie(block);
    return hasLength;
  }

  /** Crumbs go together again (RFC 9113, 8.2.3). */
  #cookie(block: HeaderBlock): void {
    let isFirst = true;
    this.raw(COOKIE.linePrefix);
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      if (field.name !== COOKIE) continue;
      if (!isFirst) this.raw(COOKIE_SEPARATOR);
      isFirst = false;
      this.#value(field);
    }
    this.lineEnd();
  }

  /** Content, as the head has said that it comes. */
  data(content: Uint8Array, start: number, end: number): void {
    if (end === start || this.#framing === 'none') return;
    if (this.#framing === 'chunked') this.chunk(content, start, end);
    else this.output.append(content, start, end);
  }

  /** The end of the content, with trailers where the framing has a place for them. */
  end(trailers: HeaderBlock | null): void {
    if (this.#framing === 'chunked') this.lastChunk(trailers);
  }
}

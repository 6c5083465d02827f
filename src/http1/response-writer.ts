import { STATUS_CODES } from 'node:http';
import { type Field, type HeaderBlock, NameKind, type Output } from '../http2/index.ts';
import type { Http1Fault } from './fault.ts';

/** A chunk's size and the line ends around it take at most this. */
const CHUNK_OVERHEAD = 16;
const CR = 13;
const LF = 10;
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n', 'latin1');
const CHUNKED_LINE = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');
const CLOSE_LINE = Buffer.from('connection: close\r\n', 'latin1');
const KEEP_ALIVE_LINE = Buffer.from('connection: keep-alive\r\n', 'latin1');
/** What this server would change to (RFC 9110, 15.5.22); what the shard named was for its own connection. */
const UPGRADE_LINES = Buffer.from('connection: upgrade\r\nupgrade: websocket\r\n', 'latin1');
const EMPTY_LINE = Buffer.from('content-length: 0\r\n', 'latin1');

const UPGRADE_REQUIRED = 426;

const statusLines = new Map<number, Buffer>();

function statusLine(status: number): Buffer {
  const known = statusLines.get(status);
  if (known !== undefined) return known;
  const made = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`, 'latin1');
  statusLines.set(status, made);
  return made;
}

/** How a response tells where its content ends (RFC 9112, 6.3). */
type Framing = 'none' | 'empty' | 'length' | 'chunked' | 'close';

/** Writes responses into a connection's output, one after the other (RFC 9112). */
export class ResponseWriter {
  readonly #output: Output;
  #isHttp10 = false;
  #isHead = false;
  /** How the content is delimited that is under way. */
  framing: Framing = 'none';

  constructor(output: Output) {
    this.#output = output;
  }

  /** The response to come is one to such a request. */
  begin(isHttp10: boolean, isHead: boolean): void {
    this.#isHttp10 = isHttp10;
    this.#isHead = isHead;
  }

  /** An informational head, for a client that knows such. */
  informational(status: number, block: HeaderBlock): void {
    if (this.#isHttp10) return;
    this.#append(statusLine(status));
    this.#fields(block);
    this.#lineEnd();
  }

  /**
   * A head: `block` as HTTP/2 has it, and what concerns this connection.
   * @param endStream there is no content
   * @param close the connection ends with the response
   * @returns whether it ends in any case, because nothing else tells where the content does
   */
  head(status: number, block: HeaderBlock, endStream: boolean, close: boolean): boolean {
    this.framing = this.#framingOf(status, block, endStream);
    const closes = close || this.framing === 'close';
    this.#append(statusLine(status));
    this.#fields(block);
    if (this.framing === 'chunked') this.#append(CHUNKED_LINE);
    else if (this.framing === 'empty') this.#append(EMPTY_LINE);
    if (status === UPGRADE_REQUIRED) this.#append(UPGRADE_LINES);
    if (closes) this.#append(CLOSE_LINE);
    else if (this.#isHttp10) this.#append(KEEP_ALIVE_LINE);
    this.#lineEnd();
    return closes;
  }

  #framingOf(status: number, block: HeaderBlock, endStream: boolean): Framing {
    if (this.#isHead || status === 204 || status === 304) return 'none';
    for (let i = 0; i < block.count; i++)
      if ((block.fields[i] as Field).name.kind === NameKind.ContentLength) return 'length';
    if (endStream) return 'empty';
    return this.#isHttp10 ? 'close' : 'chunked';
  }

  #fields(block: HeaderBlock): void {
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      if (field.name.kind === NameKind.Status) continue;
      const { linePrefix } = field.name;
      const output = this.#output;
      output.reserve(linePrefix.length + field.valueLength + 2);
      const { bytes } = output;
      let at = output.length;
      for (let j = 0; j < linePrefix.length; j++) bytes[at++] = linePrefix[j] as number;
      at = field.writeValue(bytes, at);
      bytes[at++] = CR;
      bytes[at++] = LF;
      output.length = at;
    }
  }

  /** The head that makes the connection a WebSocket (RFC 6455, 4.2.2). */
  switchToWebSocket(block: HeaderBlock, accept: string): void {
    this.framing = 'length';
    this.#append(statusLine(101));
    this.#append(
      Buffer.from(`connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n`, 'latin1'),
    );
    this.#fields(block);
    this.#lineEnd();
  }

  /** Content, as the head has said that it comes. */
  data(content: Uint8Array, start: number, end: number): void {
    if (end === start || this.framing === 'none') return;
    if (this.framing === 'chunked') this.#chunk(content, start, end);
    else this.#output.append(content, start, end);
  }

  #chunk(content: Uint8Array, start: number, end: number): void {
    this.#output.reserve(end - start + CHUNK_OVERHEAD);
    const size = (end - start).toString(16);
    const { bytes } = this.#output;
    let at = this.#output.length;
    for (let i = 0; i < size.length; i++) bytes[at++] = size.charCodeAt(i);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.#output.length = at;
    this.#output.append(content, start, end);
    this.#lineEnd();
  }

  /** The end of the content, with trailers where the framing has a place for them. */
  end(trailers: HeaderBlock | null): void {
    if (this.framing !== 'chunked') return;
    if (trailers === null) {
      this.#append(END_OF_CHUNKS);
      return;
    }
    this.#append(LAST_CHUNK);
    this.#fields(trailers);
    this.#lineEnd();
  }

  /** The answer to what is no request; the connection ends with it. */
  fault({ status, message }: Http1Fault): void {
    const text = Buffer.from(`${message}\n`, 'utf8');
    const head = `content-type: text/plain; charset=utf-8\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n`;
    this.#append(statusLine(status));
    this.#append(Buffer.from(head, 'latin1'));
    this.#append(text);
  }

  /** Bytes that stand ready. */
  raw(bytes: Uint8Array): void {
    this.#append(bytes);
  }

  #append(bytes: Uint8Array): void {
    this.#output.append(bytes, 0, bytes.length);
  }

  #lineEnd(): void {
    this.#output.reserve(2);
    this.#output.bytes[this.#output.length++] = CR;
    this.#output.bytes[this.#output.length++] = LF;
  }
}

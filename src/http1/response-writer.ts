import { type Field, type HeaderBlock, NameKind } from '../http/index.ts';
import { lazyPackage } from '../runtime/lazy-package.ts';
import type { Http1Fault } from './fault.ts';
import { MessageWriter } from './message-writer.ts';

const CHUNKED_LINE = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');
const CLOSE_LINE = Buffer.from('connection: close\r\n', 'latin1');
const KEEP_ALIVE_LINE = Buffer.from('connection: keep-alive\r\n', 'latin1');
/** What this server would change to (RFC 9110, 15.5.22); what the shard named was for its own connection. */
const UPGRADE_LINES = Buffer.from('connection: upgrade\r\nupgrade: websocket\r\n', 'latin1');
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
const EMPTY_LINE = Buffer.from('content-length: 0\r\n', 'latin1');

const UPGRADE_REQUIRED = 426;

// An import of it loads undici, too.
const http = lazyPackage<typeof import('node:http')>('node:http');
const statusLines = new Map<number, Buffer>();

function statusLine(status: number): Buffer {
  const known = statusLines.get(status);
  if (known !== undefined) return known;
  const made = Buffer.from(`HTTP/1.1 ${status} ${http().STATUS_CODES[status] ?? ''}\r\n`, 'latin1');
  statusLines.set(status, made);
  return made;
}

/** How a response shows where its content ends (RFC 9112, 6.3). */
type Framing = 'none' | 'empty' | 'length' | 'chunked' | 'close';

/** Writes responses into a connection's output, one after the other (RFC 9112). */
export class ResponseWriter extends MessageWriter {
  #isHttp10 = false;
  #isHead = false;
  /** How the content is delimited that is under way. */
  framing: Framing = 'none';

  /** The response to come is one to such a request. */
  begin(isHttp10: boolean, isHead: boolean): void {
    this.#isHttp10 = isHttp10;
    this.#isHead = isHead;
  }

  /** Has the client send its content, which waits for that. */
  continue(): void {
    this.raw(CONTINUE);
  }

  /** An informational head, for a client that knows such. */
  informational(status: number, block: HeaderBlock): void {
    if (this.#isHttp10) return;
    this.raw(statusLine(status));
    this.fields(block);
    this.lineEnd();
  }

  /**
   * A head: `block` as HTTP/2 has it, and what concerns this connection.
   * @param endStream there is no content
   * @param close the connection ends with the response
   * @returns whether it ends in any case, because nothing else shows where the content does
   */
  head(status: number, block: HeaderBlock, endStream: boolean, close: boolean): boolean {
    this.framing = this.#framingOf(status, block, endStream);
    const closes = close || this.framing === 'close';
    this.raw(statusLine(status));
    this.fields(block);
    if (this.framing === 'chunked') this.raw(CHUNKED_LINE);
    else if (this.framing === 'empty') this.raw(EMPTY_LINE);
    if (status === UPGRADE_REQUIRED) this.raw(UPGRADE_LINES);
    if (closes) this.raw(CLOSE_LINE);
    else if (this.#isHttp10) this.raw(KEEP_ALIVE_LINE);
    this.lineEnd();
    return closes;
  }

  #framingOf(status: number, block: HeaderBlock, endStream: boolean): Framing {
    if (this.#isHead || status === 204 || status === 304) return 'none';
    for (let i = 0; i < block.count; i++)
      if ((block.fields[i] as Field).name.kind === NameKind.ContentLength) return 'length';
    if (endStream) return 'empty';
    return this.#isHttp10 ? 'close' : 'chunked';
  }

  /** The head that makes the connection a WebSocket (RFC 6455, 4.2.2). */
  switchToWebSocket(block: HeaderBlock, accept: string): void {
    this.framing = 'length';
    this.raw(statusLine(101));
    this.raw(Buffer.from(`connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n`, 'latin1'));
    this.fields(block);
    this.lineEnd();
  }

  /** Content, as the head has said that it comes. */
  data(content: Uint8Array, start: number, end: number): void {
    if (end === start || this.framing === 'none') return;
    if (this.framing === 'chunked') this.chunk(content, start, end);
    else this.output.append(content, start, end);
  }

  /** The end of the content, with trailers where the framing has a place for them. */
  end(trailers: HeaderBlock | null): void {
    if (this.framing === 'chunked') this.lastChunk(trailers);
  }

  /** The answer to what is no request; the connection ends with it. */
  fault({ status, message }: Http1Fault): void {
    const text = Buffer.from(`${message}\n`, 'utf8');
    const head = `content-type: text/plain; charset=utf-8\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n`;
    this.raw(statusLine(status));
    this.raw(Buffer.from(head, 'latin1'));
    this.raw(text);
  }
}

import { STATUS_CODES } from 'node:http';
import { type Field, type HeaderBlock, NameKind, type Output } from '../http2/index.ts';

/** A chunk's size and the line ends around it take at most this. */
const CHUNK_OVERHEAD = 16;
const CR = 13;
const LF = 10;
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n', 'latin1');
const CHUNKED_LINE = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');
const CLOSE_LINE = Buffer.from('connection: close\r\n', 'latin1');
const KEEP_ALIVE_LINE = Buffer.from('connection: keep-alive\r\n', 'latin1');
const EMPTY_LINE = Buffer.from('content-length: 0\r\n', 'latin1');

const statusLines = new Map<number, Buffer>();

function statusLine(status: number): Buffer {
  const known = statusLines.get(status);
  if (known !== undefined) return known;
  const made = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`, 'latin1');
  statusLines.set(status, made);
  return made;
}

/** How a response tells where its content ends (RFC 9112, 6.3). */
export type Framing = 'none' | 'empty' | 'length' | 'chunked' | 'close';

/** Writes responses into a connection's output (RFC 9112). */
export class ResponseWriter {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** A head: `block` as HTTP/2 has it, and what concerns this connection. */
  head(status: number, block: HeaderBlock, framing: Framing, connection: 'close' | 'keep-alive' | null): void {
    this.#append(statusLine(status));
    this.#fields(block);
    if (framing === 'chunked') this.#append(CHUNKED_LINE);
    else if (framing === 'empty') this.#append(EMPTY_LINE);
    if (connection !== null) this.#append(connection === 'close' ? CLOSE_LINE : KEEP_ALIVE_LINE);
    this.#lineEnd();
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
    this.#append(statusLine(101));
    this.#append(
      Buffer.from(`connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n`, 'latin1'),
    );
    this.#fields(block);
    this.#lineEnd();
  }

  /** Content as a chunk. */
  chunk(content: Uint8Array, start: number, end: number): void {
    this.#output.reserve(end - start + CHUNK_OVERHEAD);
    const size = (end - start).toString(16);
    const { bytes } = this.#output;
    let at = this.#output.length;
    for (let i = 0; i < size.length; i++) bytes[at++] = size.charCodeAt(i);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.#output.length = at;
    this.content(content, start, end);
    this.#lineEnd();
  }

  /** Content as it is. */
  content(content: Uint8Array, start: number, end: number): void {
    this.#output.append(content, start, end);
  }

  /** The end of a chunked message. */
  endOfChunks(trailers: HeaderBlock | null): void {
    if (trailers === null) {
      this.#append(END_OF_CHUNKS);
      return;
    }
    this.#append(LAST_CHUNK);
    this.#fields(trailers);
    this.#lineEnd();
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

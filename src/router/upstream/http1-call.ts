import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import {
  ErrorCode,
  type Field,
  field,
  type HeaderBlock,
  headerName,
  NameKind,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
} from '../../http2/index.ts';
import type { RouterContext } from '../router-context.ts';

/** What a client may send ahead of the shard, and the shard ahead of the client. */
const WINDOW_BYTES = 262144;
/** Content that is announced to be no longer is sent in one piece, once it is complete; undici is quickest so. */
const WHOLE_BYTES = 65536;

const COOKIE = headerName('cookie');
const CONNECTION = headerName('connection');
const TRAILER = headerName('trailer');
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^[!"$-~]+$/;
const AUTHORITY = /^[A-Za-z0-9._~!$&'()*+,;=%:[\]-]*$/;
const NOTHING = new Uint8Array(0);

/** What an HTTP/2 message may have that would be more than one line, or another line, in HTTP/1.1 (RFC 9113, 10.3); or null. */
export function requestFault(fields: readonly Field[]): string | null {
  for (const { name, text } of fields) {
    if (name.kind === NameKind.Method && !TOKEN.test(text)) return 'a method with a character that none may have';
    if (name.kind === NameKind.Path && !TARGET.test(text)) return 'a path with a character that none may have';
    if (name.kind === NameKind.Authority && !AUTHORITY.test(text)) return 'an authority that is no host';
  }
  return null;
}

export interface Http1CallOwner {
  readonly context: RouterContext;
  readonly dispatcher: Dispatcher;
  onCallEnded(call: Http1Call): void;
  onConnectFailed(): void;
}

/** One request to a shard over HTTP/1.1, shown as a stream. */
export class Http1Call implements StreamConnection, Dispatcher.DispatchHandler {
  readonly resetsStreams = false;
  ready = false;
  endedBecause = '';
  get connected(): boolean {
    return this.ready;
  }
  readonly stream: Stream;
  readonly #owner: Http1CallOwner;
  readonly #options: Dispatcher.DispatchOptions;
  #controller: Dispatcher.DispatchController | null = null;
  /** Content that is sent in one piece; null where it goes as it comes. */
  #whole: Uint8Array[] | null = null;
  #body: Readable | null = null;
  #aborted = false;

  constructor(owner: Http1CallOwner, block: HeaderBlock, endStream: boolean, handler: StreamHandler) {
    this.#owner = owner;
    this.stream = new Stream(1, this, handler, WINDOW_BYTES, WINDOW_BYTES);
    const { options, contentLength, isHead } = optionsOf(block);
    this.#options = options;
    this.stream.isHead = isHead;
    if (endStream) this.#dispatch(null);
    else if (contentLength >= 0 && contentLength <= WHOLE_BYTES) this.#whole = [];
    else {
      this.#body = new Readable({ highWaterMark: WINDOW_BYTES, read: () => this.#onRead() });
      this.#dispatch(this.#body);
    }
  }

  #dispatch(body: Readable | Uint8Array | null): void {
    this.#options.body = body;
    this.#owner.dispatcher.dispatch(this.#options, this);
  }

  // ---- what the exchange sends -----------------------------------------------------------------------------------

  sendHeaders(): void {
    // A client sends its headers with the request.
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    if (this.#whole !== null) {
      if (end > start) this.#whole.push(new Uint8Array(bytes.subarray(start, end)));
      if (endStream) this.#sendWhole(this.#whole);
      return;
    }
    if (end > start) {
      this.#body?.push(Buffer.from(bytes.subarray(start, end)));
      stream.sendWindow = WINDOW_BYTES - (this.#body?.readableLength ?? 0);
    }
    if (endStream) this.#endRequest();
  }

  #sendWhole(chunks: readonly Uint8Array[]): void {
    this.stream.localEnded = true;
    this.#whole = null;
    const [only] = chunks;
    this.#dispatch(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
  }

  /** The trailers of a request have no place in what undici sends; gRPC has none, and a gRPC backend speaks HTTP/2. */
  sendTrailers(stream: Stream): void {
    if (!stream.closed && !stream.localEnded) this.sendData(stream, NOTHING, 0, 0, true);
  }

  #endRequest(): void {
    this.stream.localEnded = true;
    this.#body?.push(null);
  }

  #onRead(): void {
    const { stream } = this;
    if (stream.closed || stream.localEnded || stream.sendWindow === WINDOW_BYTES) return;
    stream.sendWindow = WINDOW_BYTES;
    this.#owner.context.http2.turn.begin();
    stream.handler.onCredit(stream);
  }

  grant(stream: Stream, limit: number): void {
    if (stream.closed || stream.remoteEnded) return;
    const target = Math.min(limit, WINDOW_BYTES);
    if (target <= stream.receiveWindow) return;
    stream.receiveWindow = target;
    if (target > 0 && this.#controller?.paused) this.#controller.resume();
  }

  reset(stream: Stream): void {
    if (stream.closed) return;
    this.#close();
    this.#aborted = true;
    this.#body?.destroy();
    this.#controller?.abort(new Error('given up'));
  }

  // ---- what undici tells -----------------------------------------------------------------------------------------

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.ready = true;
    this.#controller = controller;
    if (this.#aborted) controller.abort(new Error('given up'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const { stream } = this;
    if (stream.closed) return;
    const { http2 } = this.#owner.context;
    http2.turn.begin();
    const { block, head } = http2;
    fill(block, http2.fields, controller.rawHeaders as Buffer[], statusField(status));
    if (head.readResponse(block) !== null || status === 101) {
      this.#fail(ErrorCode.ProtocolError, ResetCause.Violation);
      controller.abort(new Error('malformed'));
      return;
    }
    const empty = stream.isHead || status === 204 || status === 304 || head.contentLength === 0;
    if (status >= 200) {
      stream.headersReceived = true;
      stream.remoteEnded = empty;
    }
    stream.handler.onHeaders(stream, head, block, status >= 200 && empty);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { stream } = this;
    if (stream.closed || stream.remoteEnded) return;
    this.#owner.context.http2.turn.begin();
    stream.receiveWindow -= chunk.length;
    stream.handler.onData(stream, chunk, 0, chunk.length, false);
    if (stream.receiveWindow <= 0 && !stream.closed) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const { stream } = this;
    if (stream.closed) return;
    const { http2 } = this.#owner.context;
    http2.turn.begin();
    const told = stream.remoteEnded;
    stream.remoteEnded = true;
    this.#close();
    if (told) return;
    const { block, head } = http2;
    fill(block, http2.fields, (controller.rawTrailers ?? []) as Buffer[], null);
    if (block.count > 0 && head.readTrailers(block) === null) stream.handler.onTrailers(stream, head, block);
    else stream.handler.onData(stream, NOTHING, 0, 0, true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.stream.closed) return;
    this.#owner.context.http2.turn.begin();
    const { code = error.message } = error as NodeJS.ErrnoException;
    this.endedBecause = REASONS[code] ?? code;
    if (this.stream.remoteEnded) this.#close();
    else if (code.startsWith('HPE_')) this.#fail(ErrorCode.ProtocolError, ResetCause.Violation);
    else this.#fail(ErrorCode.InternalError, ResetCause.ConnectionLost);
    if (!this.ready) this.#owner.onConnectFailed();
  }

  #fail(code: number, cause: ResetCause): void {
    this.#close();
    this.#body?.destroy();
    this.stream.handler.onReset(this.stream, code, cause);
  }

  #close(): void {
    this.stream.closed = true;
    this.#whole = null;
    this.#owner.onCallEnded(this);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'closed by the peer',
};

/** A header section as HTTP/1.1 has it. */
function optionsOf(block: HeaderBlock): {
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

function statusField(status: number): Field {
  const known = statusFields.get(status);
  if (known !== undefined) return known;
  const made = field(':status', String(status));
  statusFields.set(status, made);
  return made;
}

/** Fills a block with what undici received: names and values in turn. What concerns its connection alone is left out. */
function fill(
  block: HeaderBlock,
  fields: RouterContext['http2']['fields'],
  raw: readonly Buffer[],
  status: Field | null,
): void {
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

import type { Socket } from 'node:net';
import {
  ErrorCode,
  type Field,
  HeaderBlock,
  type HttpContext,
  type MessageHead,
  ResetCause,
  Stream,
  type StreamConnection,
  unhandled,
} from '../http/index.ts';
import { ByteQueue, endSocket, Output, type OutputListener } from '../io/index.ts';
import type { Http1Fault } from './fault.ts';
import { CHUNKED, RequestHead } from './request-head.ts';
import { RequestReader, type RequestSink } from './request-reader.ts';
import { ResponseWriter } from './response-writer.ts';
import { acceptOf, isHandshakeField, toExtendedConnect } from './websocket.ts';
import { WINDOW_BYTES, widen } from './window.ts';

/**
 * So much is read ahead of an answer: a socket that is not read tells nothing of its client's end either, so that it is read
 * on as far as memory allows.
 */
const AHEAD_BYTES = 65536;
/** So much of a request that was answered before its end is read and thrown away; beyond it the connection ends. */
const DISCARDED_BYTES = 262144;
/**
 * So long a client whose answer was under way, and could not tell it that its connection ends, may send another request, which
 * does (RFC 9112, 9.6): as long as most servers keep an idle connection, so that it is no surprise.
 */
const UNTOLD_MS = 5000;
/** The same for one that has had its answer already: its next request may be under way, and a stop is not held up for more. */
const JUST_ANSWERED_MS = 1000;

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
const SWITCH_TO_HTTP2 = Buffer.from(
  'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n',
  'latin1',
);

/** What a connection tells its owner. */
export interface Http1Handler {
  /** A request has come. The owner sets `stream.handler` during the call. */
  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  /** The connection is HTTP/2's from now on, beginning with this request; `rest` are bytes that came behind it. */
  onHttp2Upgrade(settings: Uint8Array, block: HeaderBlock, rest: Uint8Array): void;
  /** The client sent what is no HTTP/1.1, and has been told. */
  onFault(fault: Http1Fault): void;
  /** The client is too slow, sending or reading. */
  onSlow(): void;
  onClosed(): void;
}

const NOTHING = new Uint8Array(0);

/**
 * A client's HTTP/1.1 connection, whose requests show as streams, one at a time. What is sent ahead (pipelining) waits, and
 * beyond a bound the socket is not read meanwhile.
 */
export class Http1Connection implements StreamConnection, OutputListener, RequestSink {
  readonly ready = true;
  readonly connected = true;
  readonly resetsStreams = false;
  readonly tunnels = true;
  endedBecause = '';
  readonly #socket: Socket;
  readonly #context: HttpContext;
  readonly #handler: Http1Handler;
  readonly #reader: RequestReader;
  readonly #output: Output;
  readonly #writer: ResponseWriter;
  readonly #secure: boolean;
  #nextId = 1;
  #stream: Stream | null = null;
  // Of the request that is under way.
  /** It asks for a WebSocket, and this is to be answered. */
  #webSocketKey: string | null = null;
  /** The connection is a WebSocket's now: bytes go as they come. */
  #isTunnel = false;
  #responseBegun = false;
  /** The client waits for a word before it sends its content. */
  #awaitsContinue = false;
  /** What may still be thrown away of a request that nobody wants any more; -1 while somebody does. */
  #discardable = -1;
  /** The connection ends with the response that is under way. */
  #closeAfter = false;
  #paused = false;
  /** What came behind a request that was not answered yet. */
  readonly #ahead = new ByteQueue();
  /** Requests that wait are being taken: whoever ends one meanwhile need not begin with the next. */
  #takesAhead = false;
  #state: 'open' | 'draining' | 'ending' | 'closed' = 'open';
  #headBeganMs = 0;
  /** Until then a connection that is to end waits for another request. */
  #mayAskUntilMs = Number.NEGATIVE_INFINITY;
  #receivedAtMs = 0;
  #sentBytes = 0;
  /** When output last went out; and when it did, or there was none. */
  #movedAtMs = 0;
  #sentAtMs: number;

  constructor(socket: Socket, context: HttpContext, handler: Http1Handler, secure: boolean) {
    this.#socket = socket;
    this.#context = context;
    this.#handler = handler;
    this.#secure = secure;
    this.#sentAtMs = context.turn.nowMs;
    this.#output = new Output(socket, context.buffers, context.turn, this);
    this.#writer = new ResponseWriter(this.#output);
    const head = new RequestHead(context.fields, secure ? 'https' : 'http', () => ownAddress(socket));
    this.#reader = new RequestReader(this, head, context.fields, context.block, context.limits.maxHeaderListBytes);
    socket.on('error', this.#onError);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => this.#lost(error.code ?? error.message);
  readonly #onEnd = (): void => {
    const stream = this.#stream;
    if (!this.#isTunnel || stream === null || stream.remoteEnded) {
      this.#lost('closed by the peer');
      return;
    }
    // Our side ends with the other one's; what the shard still says is for nobody.
    stream.remoteEnded = true;
    stream.handler.onData(stream, NOTHING, 0, 0, true);
    this.#finishIfEnded(stream);
  };
  readonly #onClose = (): void => this.#lost('closed');
  readonly #onDrain = (): void => {
    const stream = this.#stream;
    if (stream === null) {
      if (this.#reader.isComplete) this.#next();
      return;
    }
    if (stream.closed) return;
    stream.sendWindow = WINDOW_BYTES - this.#output.unsentBytes;
    stream.handler.onCredit(stream);
  };

  get openStreams(): number {
    return this.#stream === null ? 0 : 1;
  }

  forEachStream(visit: (stream: Stream) => void): void {
    if (this.#stream !== null) visit(this.#stream);
  }

  /** Takes bytes from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const now = this.#context.turn.begin();
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#receivedAtMs = now;
    if (this.#isTunnel) {
      if (this.#stream !== null) this.#receiveTunnel(this.#stream, bytes, start, end);
      return;
    }
    if (this.#ahead.length > 0) {
      this.#keepAhead(bytes, start, end);
      return;
    }
    const at = this.#read(bytes, start, end);
    if (this.#detached !== null) this.#handOver(this.#detached, bytes.subarray(at, end));
    else if (at < end) this.#keepAhead(bytes, at, end);
  }

  /** Reads as far as the end of a request that has not been answered yet, and answers how far that is. */
  #read(bytes: Uint8Array, start: number, end: number): number {
    const inside = this.#reader.insideHead;
    const at = this.#reader.receive(bytes, start, end);
    if (!inside) this.#headBeganMs = this.#context.turn.nowMs;
    return at;
  }

  #keepAhead(bytes: Uint8Array, start: number, end: number): void {
    this.#ahead.append(bytes, start, end);
    if (this.#ahead.length > AHEAD_BYTES) this.#pause();
  }

  /** Takes what was sent ahead, request by request, as far as each is answered at once. */
  #takeAhead(): void {
    if (this.#takesAhead) return;
    this.#takesAhead = true;
    const ahead = this.#ahead;
    while (ahead.length > 0) {
      const { block, start, end } = ahead;
      const at = this.#read(block, start, end);
      // Whatever ends the connection has let go of the rest.
      if (ahead.length > 0) ahead.consume(at - start);
      if (this.#detached !== null) {
        this.#handOver(this.#detached, ahead.takeAll());
        break;
      }
      if (at < end) break;
    }
    this.#takesAhead = false;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  onRequestHead(request: RequestHead, block: HeaderBlock): void {
    const { head } = this.#context;
    const malformed = head.readRequest(block);
    if (malformed !== null) {
      this.onFault({ status: 400, message: malformed });
      return;
    }
    if (this.#wantsHttp2(request)) {
      this.#detached = { settings: Buffer.from(request.http2Settings, 'base64url'), fields: block.copy() };
      return;
    }
    const asksWebSocket = request.contentLength === 0 && request.upgradesTo('websocket');
    this.#webSocketKey = asksWebSocket ? toExtendedConnect(block) : null;
    if (this.#webSocketKey !== null) head.readRequest(block);
    this.#writer.begin(request.isHttp10, request.isHead);
    this.#closeAfter = !request.keepAlive || this.#state === 'draining';
    this.#responseBegun = false;
    const stream = new Stream(this.#nextId, this, unhandled, WINDOW_BYTES, WINDOW_BYTES);
    this.#nextId += 2;
    this.#stream = stream;
    const complete = request.contentLength === 0 && this.#webSocketKey === null;
    this.#awaitsContinue = request.expectsContinue && !complete;
    this.#discardable = -1;
    stream.isHead = request.isHead;
    stream.headersReceived = true;
    stream.remoteEnded = complete;
    const unbounded = request.contentLength === CHUNKED || this.#webSocketKey !== null;
    stream.contentRemaining = unbounded ? -1 : request.contentLength;
    this.#handler.onRequest(stream, head, block, complete);
    if (!this.#awaitsContinue || stream.closed || this.#responseBegun) return;
    this.#awaitsContinue = false;
    this.#writer.raw(CONTINUE);
  }

  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    const stream = this.#stream;
    if (stream === null) return;
    if (isLast) stream.remoteEnded = true;
    if (this.#discardable >= 0) this.#discard(end - start);
    else {
      stream.receiveWindow -= end - start;
      stream.handler.onData(stream, bytes, start, end, isLast);
      if (!isLast && stream.receiveWindow <= 0 && !stream.closed) this.#pause();
    }
    if (isLast) this.#finishIfEnded(stream);
  }

  #discard(bytes: number): void {
    this.#discardable -= bytes;
    if (this.#discardable < 0) this.#end('the answer came before the end of the request');
  }

  onTrailerSection(block: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === null) return;
    const { head } = this.#context;
    const malformed = head.readTrailers(block);
    if (malformed !== null) {
      this.onFault({ status: 400, message: malformed });
      return;
    }
    stream.remoteEnded = true;
    if (this.#discardable < 0) {
      if (block.count > 0) stream.handler.onTrailers(stream, head, block);
      else stream.handler.onData(stream, NOTHING, 0, 0, true);
    }
    this.#finishIfEnded(stream);
  }

  /** Tells the client what is wrong with what it sent, and ends the connection. */
  onFault(fault: Http1Fault): void {
    this.#handler.onFault(fault);
    const stream = this.#stream;
    this.#stream = null;
    const isFirst = this.#nextId === 1;
    const answerable = (stream === null || !this.#responseBegun) && !(isFirst && fault.isForeign === true);
    if (stream !== null && !stream.closed) {
      stream.closed = true;
      stream.handler.onReset(stream, ErrorCode.ProtocolError, ResetCause.Violation);
    }
    if (answerable) this.#writer.fault(fault);
    this.#end(fault.message);
  }

  // ---- the change to HTTP/2 --------------------------------------------------------------------------------------

  #detached: { readonly settings: Buffer; readonly fields: readonly Field[] } | null = null;

  /** Whether a request asks for HTTP/2 in a way that we can follow; one that we cannot is answered as HTTP/1.1. */
  #wantsHttp2(request: RequestHead): boolean {
    const { http2Settings, contentLength } = request;
    const may = http2Settings !== '' && contentLength === 0 && !this.#secure && this.#state === 'open';
    return may && request.upgradesTo('h2c');
  }

  #handOver({ settings, fields }: { settings: Buffer; fields: readonly Field[] }, rest: Uint8Array): void {
    this.#writer.raw(SWITCH_TO_HTTP2);
    this.#output.detach();
    this.#state = 'closed';
    this.#reader.stop();
    this.#socket.off('error', this.#onError);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('drain', this.#onDrain);
    const block = new HeaderBlock();
    block.set(fields);
    this.#handler.onHttp2Upgrade(settings, block, rest);
  }

  // ---- responses -------------------------------------------------------------------------------------------------

  sendHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    const status = (block.fields[0] as Field).integer;
    if (status < 200) {
      // We have said 100 ourselves, and 101 is for the connection that it was sent on.
      if (status > 101) this.#writer.informational(status, block);
      return;
    }
    this.#responseBegun = true;
    if (this.#webSocketKey !== null) {
      if (status < 300) {
        this.#becomeTunnel(stream, block, this.#webSocketKey);
        return;
      }
      this.declineTunnel(stream);
    }
    // Whether a client that was not told to continue sends its content is open, and so where its next request begins.
    const tooMuch = !stream.remoteEnded && stream.contentRemaining > DISCARDED_BYTES;
    if (this.#awaitsContinue || (status >= 400 && tooMuch)) this.#closeAfter = true;
    this.#closeAfter = this.#writer.head(status, block, endStream, this.#closeAfter);
    if (endStream) this.#endResponse(stream);
  }

  /** It stays what it was: a GET without content. */
  declineTunnel(stream: Stream): boolean {
    this.#webSocketKey = null;
    stream.remoteEnded = true;
    return true;
  }

  #becomeTunnel(stream: Stream, block: HeaderBlock, key: string): void {
    block.removeWhere((field) => !isHandshakeField(field));
    this.#writer.switchToWebSocket(block, acceptOf(key));
    this.#isTunnel = true;
    this.#closeAfter = true;
    const ahead = this.#ahead.takeAll();
    if (ahead.length > 0) this.#receiveTunnel(stream, ahead, 0, ahead.length);
    if (stream.receiveWindow > 0) this.#resume();
  }

  #receiveTunnel(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    stream.receiveWindow -= end - start;
    stream.handler.onData(stream, bytes, start, end, false);
    if (stream.receiveWindow <= 0 && !stream.closed) this.#pause();
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    if (end > start) {
      this.#writer.data(bytes, start, end);
      stream.sendWindow = WINDOW_BYTES - this.#output.unsentBytes;
    }
    if (!endStream) return;
    this.#writer.end(null);
    this.#endResponse(stream);
  }

  sendTrailers(stream: Stream, block: HeaderBlock): void {
    if (stream.closed || stream.localEnded) return;
    this.#writer.end(block);
    this.#endResponse(stream);
  }

  #endResponse(stream: Stream): void {
    stream.localEnded = true;
    if (this.#isTunnel && !stream.remoteEnded) {
      stream.closed = true;
      this.#stream = null;
      this.#end('');
      return;
    }
    this.#finishIfEnded(stream);
  }

  #finishIfEnded(stream: Stream): void {
    if (!stream.localEnded || !stream.remoteEnded || stream.closed) return;
    stream.closed = true;
    this.#stream = null;
    if (this.#closeAfter) {
      this.#end('');
      return;
    }
    this.#mayAskUntilMs = this.#context.turn.nowMs + (this.#state === 'draining' ? UNTOLD_MS : JUST_ANSWERED_MS);
    this.#next();
  }

  /** Goes on to the next request; where the client reads no answers it has to wait, or these would pile up. */
  #next(): void {
    if (this.#output.unsentBytes > WINDOW_BYTES) {
      this.#output.flushAll();
      if (this.#output.unsentBytes > WINDOW_BYTES) return;
    }
    this.#reader.next();
    this.#takeAhead();
    if (this.#ahead.length <= AHEAD_BYTES) this.#resume();
  }

  grant(stream: Stream, limit: number): void {
    if (widen(stream, limit) && this.#ahead.length <= AHEAD_BYTES) this.#resume();
  }

  letGo(stream: Stream): void {
    this.reset(stream, ErrorCode.Cancel);
  }

  /**
   * What is left of a request that has been answered is thrown away. For an answer that is not complete HTTP/1.1 has no
   * word: the connection ends with it.
   */
  reset(stream: Stream, _code: number): void {
    if (stream.closed) return;
    if (stream.localEnded && !this.#closeAfter) {
      this.#discardable = DISCARDED_BYTES;
      stream.handler = unhandled;
      if (this.#ahead.length <= AHEAD_BYTES) this.#resume();
      return;
    }
    stream.closed = true;
    this.#stream = null;
    // Without a length the end of the connection would look like the end of the answer.
    if (!stream.localEnded && this.#writer.framing === 'close') this.#socket.resetAndDestroy();
    this.#end('the answer was given up');
  }

  // ---- the end of a connection -----------------------------------------------------------------------------------

  /** Ends the connection in order: with the response that is under way, which says so if it has not begun. */
  shutdown(reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.endedBecause = reason;
    // One whose head is out did not say so: its client may be sending the next request, and is told by that one's answer.
    if (!this.#responseBegun) this.#closeAfter = true;
    this.#endIfUnasked(this.#context.turn.nowMs);
  }

  /** Ends a connection that is to end, where no request is under way, and none is to be expected from who was not told. */
  #endIfUnasked(nowMs: number): void {
    if (this.#state !== 'draining' || this.#stream !== null || this.#reader.insideHead) return;
    if (nowMs >= this.#mayAskUntilMs) this.#end(this.endedBecause);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
    this.#lost('closed here');
  }

  /** Writes what there is and closes; the client keeps a moment to read it. What it still sends is not read. */
  #end(reason: string): void {
    if (this.#state === 'closed' || this.#state === 'ending') return;
    this.#state = 'ending';
    this.endedBecause = reason;
    this.#reader.stop();
    this.#ahead.clear();
    this.#output.flushAll();
    endSocket(this.#socket, () => this.#handler.onClosed());
    this.#resume();
  }

  #lost(reason: string): void {
    if (this.#state === 'closed') return;
    const told = this.#state === 'ending';
    this.#state = 'closed';
    this.#reader.stop();
    this.#output.discard();
    this.#ahead.clear();
    this.#socket.destroy();
    if (told) return;
    this.endedBecause = reason;
    const stream = this.#stream;
    this.#stream = null;
    if (stream !== null && !stream.closed) {
      stream.closed = true;
      stream.handler.onReset(stream, ErrorCode.Cancel, ResetCause.ConnectionLost);
    }
    this.#handler.onClosed();
  }

  /** To be called every second or so: ends connections whose client is too slow, sending or reading. */
  sweep(nowMs: number): void {
    this.#endIfUnasked(nowMs);
    if (this.#state === 'closed' || this.#state === 'ending') return;
    const { stalledWindowMs, requestHeadTimeoutMs } = this.#context.limits;
    const sent = this.#socket.bytesWritten - this.#socket.writableLength;
    if (sent !== this.#sentBytes) this.#movedAtMs = nowMs;
    if (sent !== this.#sentBytes || this.#output.unsentBytes === 0) this.#sentAtMs = nowMs;
    this.#sentBytes = sent;
    const stream = this.#stream;
    // One that is not read says nothing of its client's end: where nothing moves for this long, the client may be gone.
    const deaf = this.#paused && nowMs - Math.max(this.#receivedAtMs, this.#movedAtMs) > stalledWindowMs;
    if (deaf || nowMs - this.#sentAtMs > stalledWindowMs) {
      this.#handler.onSlow();
      this.destroy();
    } else if (this.#reader.insideHead && nowMs - this.#headBeganMs > requestHeadTimeoutMs) this.#tooSlow('headers');
    else if (
      stream !== null &&
      !stream.remoteEnded &&
      !this.#paused &&
      this.#webSocketKey === null &&
      nowMs - this.#receivedAtMs > stalledWindowMs
    )
      this.#tooSlow('content');
  }

  #tooSlow(what: string): void {
    this.#handler.onSlow();
    this.onFault({ status: 408, message: `the request's ${what} took too long` });
  }

  // ---- output ----------------------------------------------------------------------------------------------------

  beforeFlush(): void {}

  onRelieved(): void {}

  onUnread(): void {
    if (this.#state === 'closed') return;
    this.#handler.onSlow();
    this.destroy();
  }
}

function ownAddress({ localAddress = '', localPort }: Socket): string {
  return `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
}

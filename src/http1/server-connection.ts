import type { Socket } from 'node:net';
import {
  ErrorCode,
  type Field,
  type HeaderBlock,
  type HttpContext,
  NOTHING,
  ResetCause,
  Stream,
  type StreamConnection,
  unhandled,
} from '../http/index.ts';
import { ClientSocket, type ClientSocketListener } from './client-socket.ts';
import { ClientWebSocket } from './client-web-socket.ts';
import { Farewell } from './farewell.ts';
import type { Http1Fault } from './fault.ts';
import type { Http1Handler } from './http1-handler.ts';
import { blockOf, type Http2Upgrade, http2UpgradeOf, SWITCH_TO_HTTP2 } from './http2-upgrade.ts';
import { CHUNKED, RequestHead } from './request-head.ts';
import { RequestReader, type RequestSink } from './request-reader.ts';
import { ResponseWriter } from './response-writer.ts';
import { WINDOW_BYTES, widen } from './window.ts';

/** How much is read and thrown away of a request that was answered before its end; beyond it the connection ends. */
const DISCARDED_BYTES = 262144;

/**
 * A client's HTTP/1.1 connection, whose requests show as streams, one at a time. What is sent ahead (pipelining) waits, and
 * beyond a bound the socket is not read meanwhile.
 */
export class Http1Connection implements StreamConnection, ClientSocketListener, RequestSink {
  readonly ready = true;
  readonly connected = true;
  readonly resetsStreams = false;
  readonly tunnels = true;
  endedBecause = '';
  readonly #client: ClientSocket;
  readonly #context: HttpContext;
  readonly #handler: Http1Handler;
  readonly #reader: RequestReader;
  readonly #writer: ResponseWriter;
  readonly #webSocket: ClientWebSocket;
  readonly #farewell = new Farewell();
  readonly #secure: boolean;
  #nextId = 1;
  #stream: Stream | null = null;
  // Of the request that is under way.
  #responseBegun = false;
  /** The client waits for a word before it sends its content. */
  #awaitsContinue = false;
  /** What may still be thrown away of a request that is not wanted any more; -1 while it is wanted. */
  #discardable = -1;
  /** The connection ends with the response that is under way. */
  #closeAfter = false;
  /** Waiting requests are being taken: code that ends one meanwhile need not begin the next. */
  #takesAhead = false;
  #headBeganMs = 0;
  /** The request that has come is HTTP/2's first. */
  #upgrade: Http2Upgrade | null = null;

  constructor(socket: Socket, context: HttpContext, handler: Http1Handler, secure: boolean) {
    this.#context = context;
    this.#handler = handler;
    this.#secure = secure;
    this.#client = new ClientSocket(socket, context, this);
    this.#writer = new ResponseWriter(this.#client.output);
    this.#webSocket = new ClientWebSocket(this.#client, this.#writer);
    const head = new RequestHead(context.fields, secure ? 'https' : 'http', () => this.#client.ownAddress);
    this.#reader = new RequestReader(this, head, context.fields, context.block, context.limits.maxHeaderListBytes);
  }

  onClientEnd(): void {
    const stream = this.#stream;
    if (!this.#webSocket.isOpen || stream === null || stream.remoteEnded) {
      this.#client.lose('closed by the peer');
      return;
    }
    // Our side ends with the other one's; what the shard still says is dropped.
    stream.remoteEnded = true;
    stream.handler.onData(stream, NOTHING, 0, 0, true);
    this.#finishIfEnded(stream);
  }

  onTaken(): void {
    const stream = this.#stream;
    if (stream === null && this.#reader.isComplete) this.#next();
    if (stream === null || stream.closed) return;
    stream.sendWindow = this.#client.sendWindow;
    stream.handler.onCredit(stream);
  }

  get openStreams(): number {
    return this.#stream === null ? 0 : 1;
  }

  forEachStream(visit: (stream: Stream) => void): void {
    if (this.#stream !== null) visit(this.#stream);
  }

  /** Takes bytes from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const now = this.#context.turn.begin();
    const client = this.#client;
    if (!client.isOpen) return;
    client.received(now);
    if (this.#webSocket.isOpen) {
      if (this.#stream !== null) this.#webSocket.receive(this.#stream, bytes, start, end);
      return;
    }
    if (client.ahead.length > 0) {
      client.keepAhead(bytes, start, end);
      return;
    }
    const at = this.#read(bytes, start, end);
    if (this.#upgrade !== null) this.#handOver(this.#upgrade, bytes.subarray(at, end));
    else if (at < end) client.keepAhead(bytes, at, end);
  }

  /** Reads as far as the end of a request that has not been answered yet, and answers how far that is. */
  #read(bytes: Uint8Array, start: number, end: number): number {
    const inside = this.#reader.insideHead;
    const at = this.#reader.receive(bytes, start, end);
    if (!inside) this.#headBeganMs = this.#context.turn.nowMs;
    return at;
  }

  /** Takes what was sent ahead, request by request, as far as each is answered at once. */
  #takeAhead(): void {
    if (this.#takesAhead) return;
    this.#takesAhead = true;
    const { ahead } = this.#client;
    let isAnswered = true;
    while (isAnswered && ahead.length > 0) {
      const { block, start, end } = ahead;
      const at = this.#read(block, start, end);
      // Whatever ends the connection has let go of the rest.
      if (ahead.length > 0) ahead.consume(at - start);
      isAnswered = at === end && this.#upgrade === null;
    }
    this.#takesAhead = false;
    if (this.#upgrade !== null) this.#handOver(this.#upgrade, ahead.takeAll());
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  onRequestHead(request: RequestHead, block: HeaderBlock): void {
    const { head } = this.#context;
    const malformed = head.readRequest(block);
    if (malformed !== null) {
      this.onFault({ status: 400, message: malformed });
      return;
    }
    if (!this.#secure && !this.#farewell.isUnderWay && this.#client.isOpen)
      this.#upgrade = http2UpgradeOf(request, block);
    if (this.#upgrade !== null) return;
    const asksWebSocket = this.#webSocket.isAskedBy(request, block);
    if (asksWebSocket) head.readRequest(block);
    this.#writer.begin(request.isHttp10, request.isHead);
    this.#closeAfter = !request.keepAlive || this.#farewell.isUnderWay;
    this.#responseBegun = false;
    const stream = new Stream(this.#nextId, this, unhandled, WINDOW_BYTES, WINDOW_BYTES);
    this.#nextId += 2;
    this.#stream = stream;
    const complete = request.contentLength === 0 && !asksWebSocket;
    this.#awaitsContinue = request.expectsContinue && !complete;
    this.#discardable = -1;
    stream.isHead = request.isHead;
    stream.headersReceived = true;
    stream.remoteEnded = complete;
    const unbounded = request.contentLength === CHUNKED || asksWebSocket;
    stream.contentRemaining = unbounded ? -1 : request.contentLength;
    this.#handler.onRequest(stream, head, block, complete);
    if (!this.#awaitsContinue || stream.closed || this.#responseBegun) return;
    this.#awaitsContinue = false;
    this.#writer.continue();
  }

  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    const stream = this.#stream;
    if (stream === null) return;
    if (isLast) stream.remoteEnded = true;
    if (this.#discardable >= 0) {
      this.#discardable -= end - start;
      if (this.#discardable < 0) this.#end('the answer came before the end of the request');
    } else {
      stream.receiveWindow -= end - start;
      stream.handler.onData(stream, bytes, start, end, isLast);
      if (!isLast && stream.receiveWindow <= 0 && !stream.closed) this.#client.pause();
    }
    if (isLast) this.#finishIfEnded(stream);
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

  /** Reports a fault in what the client sent, and ends the connection. */
  onFault(fault: Http1Fault): void {
    this.#handler.onFault(fault);
    const isFirst = this.#nextId === 1;
    const answerable = (this.#stream === null || !this.#responseBegun) && !(isFirst && fault.isForeign === true);
    this.#loseStream(ErrorCode.ProtocolError, ResetCause.Violation);
    if (answerable) this.#writer.fault(fault);
    this.#end(fault.message);
  }

  /** The connection is HTTP/2's from now on. */
  #handOver(upgrade: Http2Upgrade, rest: Uint8Array): void {
    this.#writer.raw(SWITCH_TO_HTTP2);
    this.#client.detach();
    this.#reader.stop();
    this.#handler.onHttp2Upgrade(upgrade.settings, blockOf(upgrade), rest);
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
    const { key } = this.#webSocket;
    if (key !== null) {
      if (status < 300) {
        this.#closeAfter = true;
        this.#webSocket.open(key, stream, block);
        return;
      }
      this.#webSocket.decline(stream);
    }
    // Whether a client that was not told to continue sends its content is open, and so where its next request begins.
    const tooMuch = !stream.remoteEnded && stream.contentRemaining > DISCARDED_BYTES;
    if (this.#awaitsContinue || (status >= 400 && tooMuch)) this.#closeAfter = true;
    this.#closeAfter = this.#writer.head(status, block, endStream, this.#closeAfter);
    if (endStream) this.#endResponse(stream);
  }

  declineTunnel(stream: Stream): boolean {
    this.#webSocket.decline(stream);
    return true;
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    if (end > start) {
      this.#writer.data(bytes, start, end);
      stream.sendWindow = this.#client.sendWindow;
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
    if (this.#webSocket.isOpen && !stream.remoteEnded) {
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
    this.#farewell.onAnswered(this.#context.turn.nowMs);
    this.#next();
  }

  /** Goes on to the next request; where the client reads no answers it has to wait, or these would pile up. */
  #next(): void {
    if (!this.#client.takesMore()) return;
    this.#reader.next();
    this.#takeAhead();
    this.#client.resume();
  }

  grant(stream: Stream, limit: number): void {
    if (widen(stream, limit)) this.#client.resume();
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
      this.#client.resume();
      return;
    }
    stream.closed = true;
    this.#stream = null;
    // Without a length the end of the connection would look like the end of the answer.
    if (!stream.localEnded && this.#writer.framing === 'close') this.#client.reset();
    this.#end('the answer was given up');
  }

  // ---- the end of a connection -----------------------------------------------------------------------------------

  /** Ends the connection in order: with the response that is under way, which says so if it has not begun. */
  shutdown(reason: string): void {
    if (this.#farewell.isUnderWay || !this.#client.isOpen) return;
    this.#farewell.isUnderWay = true;
    this.endedBecause = reason;
    // One whose head is out did not say so: its client may be sending the next request, and is told by that one's answer.
    if (!this.#responseBegun) this.#closeAfter = true;
    this.#endIfUnasked(this.#context.turn.nowMs);
  }

  /** Ends a connection that has to end, once no request is under way, nor expected from a client that was not told. */
  #endIfUnasked(nowMs: number): void {
    if (this.#stream === null && !this.#reader.insideHead && this.#farewell.isOver(nowMs)) this.#end(this.endedBecause);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#client.destroy();
  }

  #end(reason: string): void {
    if (!this.#client.isOpen) return;
    this.endedBecause = reason;
    this.#reader.stop();
    this.#client.end(() => this.#handler.onClosed());
  }

  onSlow(): void {
    this.#handler.onSlow();
  }

  onLost(reason: string): void {
    this.#reader.stop();
    this.endedBecause = reason;
    this.#loseStream(ErrorCode.Cancel, ResetCause.ConnectionLost);
    this.#handler.onClosed();
  }

  #loseStream(code: number, cause: ResetCause): void {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null || stream.closed) return;
    stream.closed = true;
    stream.handler.onReset(stream, code, cause);
  }

  /** Called every second or so: ends connections whose client is too slow, sending or reading. */
  sweep(nowMs: number): void {
    this.#endIfUnasked(nowMs);
    if (!this.#client.isOpen) return;
    const { stalledWindowMs, requestHeadTimeoutMs } = this.#context.limits;
    const stream = this.#stream;
    const owesContent = stream !== null && !stream.remoteEnded && this.#webSocket.key === null;
    if (this.#client.isStalled(nowMs, stalledWindowMs)) this.#client.giveUp();
    else if (this.#reader.insideHead && nowMs - this.#headBeganMs > requestHeadTimeoutMs) this.#tooSlow('headers');
    else if (owesContent && this.#client.isSilent(nowMs, stalledWindowMs)) this.#tooSlow('content');
  }

  #tooSlow(what: string): void {
    this.#handler.onSlow();
    this.onFault({ status: 408, message: `the request's ${what} took too long` });
  }
}

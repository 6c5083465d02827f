import type { Socket } from 'node:net';
import {
  ErrorCode,
  type HeaderBlock,
  type HttpContext,
  NOTHING,
  type RequestConnection,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
} from '../../http/index.ts';
import { Output, type OutputListener, ReadPause } from '../../io/index.ts';
import type { Http1Fault } from '../fault.ts';
import { isExtendedConnect } from '../websocket.ts';
import { FIRST_WINDOW_BYTES, WINDOW_BYTES, widen } from '../window.ts';
import { IdleTime } from './idle-time.ts';
import { RequestWriter } from './request-writer.ts';
import type { ResponseHead } from './response-head.ts';
import { ResponseReader, type ResponseSink } from './response-reader.ts';
import { ShardWebSocket } from './shard-web-socket.ts';

/** What a connection reports to its owner. */
export interface Http1ClientHandler {
  /** The socket has come up. */
  onConnected(connection: Http1ClientConnection): void;
  /** It may take another request. */
  onIdle(connection: Http1ClientConnection): void;
  /** It is of no more use; `endedBecause` says why. Its request's handler is called after this. */
  onClosed(connection: Http1ClientConnection): void;
}

/**
 * A connection to an HTTP/1.1 server, which takes a request at a time, shown as a stream (RFC 9112); or one that has
 * become a WebSocket (RFC 6455), shown as the stream of an extended CONNECT (RFC 8441).
 */
export class Http1ClientConnection implements StreamConnection, RequestConnection, OutputListener, ResponseSink {
  readonly resetsStreams = false;
  /** The socket is up, with TLS where it is configured. */
  connected = false;
  endedBecause = '';
  /** The peer has answered in HTTP/1.1. */
  hasAnswered = false;
  /** It ended because of what the peer did, or did not do, rather than because it was given up here. */
  hasFailed = false;
  readonly #socket: Socket;
  readonly #context: HttpContext;
  readonly #handler: Http1ClientHandler;
  readonly #output: Output;
  readonly #writer: RequestWriter;
  readonly #reader: ResponseReader;
  #stream: Stream | null = null;
  #nextId = 1;
  #isClosed = false;
  #keepAlive = true;
  readonly #idle: IdleTime;
  readonly #pause: ReadPause;
  readonly #webSocket = new ShardWebSocket();

  /**
   * @param ready the socket's event at which it is up; null: it is
   */
  constructor(
    socket: Socket,
    ready: 'connect' | 'secureConnect' | null,
    context: HttpContext,
    handler: Http1ClientHandler,
  ) {
    this.#socket = socket;
    this.#pause = new ReadPause(socket);
    this.#context = context;
    this.#handler = handler;
    this.#idle = new IdleTime(context.turn.nowMs);
    this.#output = new Output(socket, context.buffers, context.turn, this);
    this.#writer = new RequestWriter(this.#output);
    this.#reader = new ResponseReader(this, context.fields, context.block, context.limits.maxHeaderListBytes);
    if (ready === null) this.connected = true;
    else {
      socket.once(ready, () => {
        this.connected = true;
        handler.onConnected(this);
        // What waited for the connection may have gone out at once.
        this.#onDrain();
      });
    }
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? error.message));
    socket.on('end', this.#onEnd);
    socket.on('close', () => this.#lost('closed by the peer'));
    socket.on('drain', this.#onDrain);
  }

  get ready(): boolean {
    return this.connected;
  }

  /** A 2xx answer to an extended CONNECT has made its stream a tunnel; else it is an answer like any other. */
  get tunnels(): boolean {
    return this.#webSocket.isOpen;
  }

  get isBusy(): boolean {
    return this.#stream !== null;
  }

  forEachStream(visit: (stream: Stream) => void): void {
    if (this.#stream !== null) visit(this.#stream);
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  /** Sends a request; the owner has been told that the connection is idle, or has just made it. */
  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const stream = new Stream(this.#nextId, this, handler, WINDOW_BYTES, FIRST_WINDOW_BYTES);
    this.#nextId += 2;
    this.#stream = stream;
    if (isExtendedConnect(block)) this.#writer.webSocket(block, this.#webSocket.ask());
    else {
      this.#writer.head(block, endStream);
      stream.localEnded = endStream;
    }
    stream.isHead = this.#writer.facts.isHead;
    this.#reader.expect(stream.isHead);
    return stream;
  }

  /** A client sends its headers with the request. */
  sendHeaders(): void {}

  /** It takes no requests. */
  declineTunnel(): boolean {
    return false;
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    if (this.#webSocket.keeps(stream, bytes, start, end, endStream)) return;
    if (end > start) {
      if (this.#webSocket.isOpen) this.#output.append(bytes, start, end);
      else this.#writer.data(bytes, start, end);
      stream.sendWindow = this.#output.roomWithin(WINDOW_BYTES);
    }
    if (endStream) this.#endRequest(stream, null);
  }

  sendTrailers(stream: Stream, block: HeaderBlock): void {
    if (!stream.closed && !stream.localEnded) this.#endRequest(stream, block);
  }

  #endRequest(stream: Stream, trailers: HeaderBlock | null): void {
    stream.localEnded = true;
    if (!this.#webSocket.isOpen) {
      this.#writer.end(trailers);
      return;
    }
    if (stream.remoteEnded) {
      this.#finish(stream);
      return;
    }
    this.#output.flushAll();
    this.#socket.end();
  }

  readonly #onDrain = (): void => {
    const stream = this.#stream;
    if (stream === null || stream.closed || stream.localEnded) return;
    this.#context.turn.begin();
    stream.sendWindow = this.#output.roomWithin(WINDOW_BYTES);
    stream.handler.onCredit(stream);
  };

  grant(stream: Stream, limit: number): void {
    if (widen(stream, limit)) this.#pause.end();
  }

  /** HTTP/1.1 has no word for what is given up: the connection goes with it. */
  reset(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#close('given up');
  }

  letGo(stream: Stream): void {
    this.reset(stream);
  }

  /** It ends with its request. */
  shutdown(): void {
    this.#keepAlive = false;
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  /** Takes bytes from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isClosed) return;
    this.#context.turn.begin();
    const stream = this.#stream;
    if (stream === null) {
      this.#close('it sent data unasked');
      return;
    }
    const at = this.#webSocket.isOpen ? start : this.#reader.receive(bytes, start, end);
    if (this.#webSocket.isOpen) {
      if (at < end && !stream.closed) this.#deliver(stream, bytes, at, end, false);
    } else if (stream.remoteEnded) this.#afterAnswer(at === end);
  }

  onInformational(head: ResponseHead, block: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    if (head.status === 101) {
      this.#onSwitched(stream, head, block);
      return;
    }
    // One that was not asked for is left out (RFC 9110, 15.2).
    if (head.status === 100 && !this.#writer.facts.expectsContinue) return;
    const { head: message } = this.#context;
    if (message.readResponse(block) === null) stream.handler.onHeaders(stream, message, block, false);
  }

  onResponseHead(head: ResponseHead, block: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    if (!this.#isValid(block)) return;
    this.#keepAlive &&= head.keepAlive;
    this.#idle.onAnnounced(head.keepAliveMs);
    // Not taken: what was asked for is a GET without content.
    if (this.#webSocket.isAsked) stream.localEnded = true;
    stream.headersReceived = true;
    const isEmpty = head.contentLength === 0;
    if (isEmpty) this.#endAnswer(stream);
    stream.handler.onHeaders(stream, this.#context.head, block, isEmpty);
  }

  /** Whether a head is that of an answer; where it is not, the connection has ended. */
  #isValid(block: HeaderBlock): boolean {
    const malformed = this.#context.head.readResponse(block);
    if (malformed === null) this.hasAnswered = true;
    else this.#violate(malformed);
    return malformed === null;
  }

  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    if (isLast) this.#endAnswer(stream);
    this.#deliver(stream, bytes, start, end, isLast);
  }

  #deliver(stream: Stream, bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    stream.receiveWindow -= end - start;
    stream.handler.onData(stream, bytes, start, end, isLast);
    if (stream.receiveWindow <= 0 && !stream.closed) this.#pause.begin();
  }

  onTrailerSection(block: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    const { head } = this.#context;
    const malformed = head.readTrailers(block);
    if (malformed !== null) {
      this.#violate(malformed);
      return;
    }
    this.#endAnswer(stream);
    if (block.count > 0) stream.handler.onTrailers(stream, head, block);
    else stream.handler.onData(stream, NOTHING, 0, 0, true);
  }

  onMalformed(fault: Http1Fault): void {
    this.#violate(fault.message);
  }

  /** Nothing more comes on the stream; what the client has not sent yet is not wanted. */
  #endAnswer(stream: Stream): void {
    stream.remoteEnded = true;
    stream.closed = true;
  }

  /** @param isClean nothing came behind the answer */
  #afterAnswer(isClean: boolean): void {
    const stream = this.#stream;
    if (stream === null || this.#isClosed) return;
    if (!isClean || !this.#keepAlive || !stream.localEnded) {
      this.#close(isClean ? '' : 'it sent data unasked');
      return;
    }
    this.#stream = null;
    this.#webSocket.forget();
    this.#idle.begin(this.#context.turn.nowMs);
    this.#pause.end();
    this.#handler.onIdle(this);
  }

  // ---- WebSockets ------------------------------------------------------------------------------------------------

  #onSwitched(stream: Stream, head: ResponseHead, block: HeaderBlock): void {
    const fault = this.#webSocket.faultOf(head, block);
    if (fault !== null) {
      this.#violate(fault);
      return;
    }
    if (!this.#isValid(block)) return;
    this.#keepAlive = false;
    this.#reader.stop();
    stream.headersReceived = true;
    const endsEarly = this.#webSocket.open(this.#output);
    stream.sendWindow = this.#output.roomWithin(WINDOW_BYTES);
    stream.handler.onHeaders(stream, this.#context.head, block, false);
    if (stream.closed) return;
    if (endsEarly) this.#endRequest(stream, null);
    else stream.handler.onCredit(stream);
  }

  // ---- the end of a connection -----------------------------------------------------------------------------------

  readonly #onEnd = (): void => {
    const stream = this.#stream;
    if (stream === null || stream.closed || this.#isClosed) {
      this.#close('closed by the peer');
      return;
    }
    this.#context.turn.begin();
    if (this.#webSocket.isOpen) {
      stream.remoteEnded = true;
      stream.handler.onData(stream, NOTHING, 0, 0, true);
      if (stream.localEnded) this.#finish(stream);
    } else if (this.#reader.end()) this.#afterAnswer(true);
    else this.#lost('closed by the peer');
  };

  /** Both sides of a WebSocket have ended. */
  #finish(stream: Stream): void {
    stream.closed = true;
    this.#output.flushAll();
    this.#socket.end();
    this.#leave('');
  }

  /** What came is no answer: nothing that follows on the connection can be trusted. */
  #violate(reason: string): void {
    this.#fail(reason, ErrorCode.ProtocolError, ResetCause.Violation);
  }

  #lost(reason: string): void {
    this.#fail(reason, ErrorCode.InternalError, ResetCause.ConnectionLost);
  }

  #fail(reason: string, code: number, cause: ResetCause): void {
    if (this.#isClosed) return;
    this.#context.turn.begin();
    const stream = this.#stream;
    this.hasFailed = true;
    this.#close(reason);
    if (stream === null || stream.closed) return;
    stream.closed = true;
    stream.handler.onReset(stream, code, cause);
  }

  #close(reason: string): void {
    this.#output.discard();
    this.#socket.destroy();
    this.#leave(reason);
  }

  #leave(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.endedBecause = reason;
    this.#reader.stop();
    this.#stream = null;
    this.#webSocket.forget();
    this.#handler.onClosed(this);
  }

  /** Gives the connection up because of the peer, and says why. */
  fail(reason: string): void {
    this.#lost(reason);
  }

  /** Cuts the connection: what has not been written is not. Its request's handler is called. */
  destroy(): void {
    this.#lost('closed here');
  }

  /** Called every second or so: ends a connection that has had no request for too long. */
  sweep(nowMs: number): void {
    if (this.#stream === null && this.#idle.isOver(nowMs)) this.#close('idle');
  }

  // ---- output ----------------------------------------------------------------------------------------------------

  beforeFlush(): void {}

  onWritable(): void {}

  onUnread(): void {
    this.#lost('it does not read');
  }
}

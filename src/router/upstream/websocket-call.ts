import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import {
  acceptOf,
  fillBlock,
  isHandshakeField,
  newKey,
  statusField,
  UndiciCall,
  type UndiciCallOwner,
  WINDOW_BYTES,
} from '../../http1/index.ts';
import {
  ErrorCode,
  type Field,
  type HeaderBlock,
  NameKind,
  ResetCause,
  type Stream,
  type StreamHandler,
} from '../../http2/index.ts';

const NOTHING = new Uint8Array(0);

/** A WebSocket with a shard by HTTP/1.1's Upgrade (RFC 6455), shown as the stream of an extended CONNECT (RFC 8441). */
export class WebSocketCall extends UndiciCall {
  readonly #key = newKey();
  #socket: Duplex | null = null;
  /** What the client said before the shard had agreed; it keeps to the window, and is dropped where the shard does not agree. */
  #early: Buffer[] = [];

  constructor(owner: UndiciCallOwner, block: HeaderBlock, handler: StreamHandler) {
    super(owner, handler);
    const headers = ['sec-websocket-key', this.#key];
    let path = '/';
    let host = '';
    for (let i = 0; i < block.count; i++) {
      const each = block.fields[i] as Field;
      if (each.name.kind === NameKind.Path) path = each.text;
      else if (each.name.kind === NameKind.Authority) host = each.text;
      else if (!each.name.text.startsWith(':') && isHandshakeField(each)) headers.push(each.name.text, each.text);
    }
    headers.push('host', host);
    owner.dispatcher.dispatch({ method: 'GET', path, headers, upgrade: 'websocket' }, this);
  }

  // ---- what the exchange sends -----------------------------------------------------------------------------------

  sendTrailers(): void {
    // A WebSocket has none.
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const socket = this.#socket;
    if (stream.closed || stream.localEnded) return;
    if (end > start) {
      const content = Buffer.from(bytes.subarray(start, end));
      if (socket === null) {
        this.#early.push(content);
        stream.sendWindow -= content.length;
      } else {
        socket.write(content);
        stream.sendWindow = WINDOW_BYTES - socket.writableLength;
      }
    }
    if (!endStream) return;
    stream.localEnded = true;
    socket?.end();
    if (stream.remoteEnded) this.close();
  }

  #sendEarly(socket: Duplex): void {
    const early = this.#early;
    this.#early = [];
    for (const content of early) socket.write(content);
    this.stream.sendWindow = WINDOW_BYTES - socket.writableLength;
    if (this.stream.localEnded) socket.end();
  }

  protected resumeReading(): void {
    this.#socket?.resume();
  }

  protected release(): void {
    this.#socket?.destroy();
  }

  // ---- what undici tells -----------------------------------------------------------------------------------------

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    this.#socket = socket;
    socket.on('error', () => {});
    const { stream } = this;
    if (status !== 101 || headers['sec-websocket-accept'] !== acceptOf(this.#key)) {
      this.fail(ErrorCode.ProtocolError, ResetCause.Violation);
      return;
    }
    const { http2 } = this.owner;
    http2.turn.begin();
    fillBlock(http2.block, http2.fields, controller.rawHeaders as Buffer[], statusField(200));
    http2.block.removeWhere((field) => !isHandshakeField(field));
    if (http2.head.readResponse(http2.block) !== null) {
      this.fail(ErrorCode.ProtocolError, ResetCause.Violation);
      return;
    }
    stream.headersReceived = true;
    this.#listen(socket);
    this.#sendEarly(socket);
    stream.handler.onHeaders(stream, http2.head, http2.block, false);
    if (!stream.closed) stream.handler.onCredit(stream);
  }

  #listen(socket: Duplex): void {
    const { stream } = this;
    const { turn } = this.owner.http2;
    socket.on('data', (chunk: Buffer) => {
      if (stream.closed) return;
      turn.begin();
      stream.receiveWindow -= chunk.length;
      stream.handler.onData(stream, chunk, 0, chunk.length, false);
      if (stream.receiveWindow <= 0 && !stream.closed) socket.pause();
    });
    socket.on('drain', () => {
      if (stream.closed) return;
      turn.begin();
      stream.sendWindow = WINDOW_BYTES - socket.writableLength;
      stream.handler.onCredit(stream);
    });
    socket.on('end', () => {
      if (stream.closed || stream.remoteEnded) return;
      turn.begin();
      stream.remoteEnded = true;
      stream.handler.onData(stream, NOTHING, 0, 0, true);
      if (stream.localEnded) this.close();
    });
    socket.on('close', () => {
      if (stream.closed) return;
      turn.begin();
      if (stream.remoteEnded) this.close();
      else {
        this.endedBecause = 'closed by the peer';
        this.fail(ErrorCode.InternalError, ResetCause.ConnectionLost);
      }
    });
  }

  /** The shard does not want a WebSocket: its answer is the client's. */
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const { stream } = this;
    if (stream.closed || status < 200) return;
    const { http2 } = this.owner;
    http2.turn.begin();
    fillBlock(http2.block, http2.fields, controller.rawHeaders as Buffer[], statusField(status));
    if (status < 300 || http2.head.readResponse(http2.block) !== null) {
      this.fail(ErrorCode.ProtocolError, ResetCause.Violation);
      controller.abort(new Error('no WebSocket'));
      return;
    }
    stream.headersReceived = true;
    stream.handler.onHeaders(stream, http2.head, http2.block, false);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.stream.closed) return;
    this.owner.http2.turn.begin();
    this.stream.handler.onData(this.stream, chunk, 0, chunk.length, false);
  }

  onResponseEnd(): void {
    if (this.stream.closed) return;
    this.owner.http2.turn.begin();
    this.stream.remoteEnded = true;
    this.close();
    this.stream.handler.onData(this.stream, NOTHING, 0, 0, true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.stream.closed) return;
    this.owner.http2.turn.begin();
    this.endedBecause = (error as NodeJS.ErrnoException).code ?? error.message;
    this.fail(ErrorCode.InternalError, ResetCause.ConnectionLost);
    if (!this.ready) this.owner.onConnectFailed(this.endedBecause);
  }
}

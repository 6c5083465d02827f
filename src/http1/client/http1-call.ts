import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ByteQueue, ErrorCode, HeaderBlock, ResetCause, type Stream, type StreamHandler } from '../../http2/index.ts';
import { WINDOW_BYTES } from '../window.ts';
import { fillBlock, optionsOf, statusField } from './message.ts';
import { UndiciCall, type UndiciCallOwner } from './undici-call.ts';

/** Content that is announced to be no longer is sent in one piece, once it is complete; undici is quickest so. */
const WHOLE_BYTES = 65536;

const NOTHING = new Uint8Array(0);

/** One request over HTTP/1.1, shown as a stream. */
export class Http1Call extends UndiciCall {
  readonly #options: Dispatcher.DispatchOptions;
  /** Content that waits: for the rest of it, where it is sent in one piece, or for undici to ask for it. */
  readonly #content = new ByteQueue();
  /** Where content goes as it comes; null where it is sent in one piece. */
  #body: Readable | null = null;
  /** undici has asked for content, and there was none. */
  #isAsked = false;

  constructor(owner: UndiciCallOwner, block: HeaderBlock, endStream: boolean, handler: StreamHandler) {
    super(owner, handler);
    const { options, contentLength, isHead, expectsContinue } = optionsOf(block);
    this.#options = options;
    this.stream.isHead = isHead;
    // Undici takes no 100 from a shard, and the client may wait for one before it sends its content (RFC 9110, 10.1.1).
    if (expectsContinue && !endStream) this.#tellToContinue();
    if (endStream) this.#dispatch(null);
    else if (contentLength < 0 || contentLength > WHOLE_BYTES) {
      // What waits is kept here rather than there, where each piece would cost an object.
      this.#body = new Readable({ highWaterMark: 1, read: () => this.#onRead() });
      this.#dispatch(this.#body);
    }
  }

  #tellToContinue(): void {
    const { head } = this.owner.http2;
    const block = new HeaderBlock();
    block.push(statusField(100));
    if (head.readResponse(block) === null) this.stream.handler.onHeaders(this.stream, head, block, false);
  }

  #dispatch(body: Readable | Uint8Array | null): void {
    this.#options.body = body;
    this.owner.dispatcher.dispatch(this.#options, this);
  }

  // ---- what the exchange sends -----------------------------------------------------------------------------------

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    this.#content.append(bytes, start, end);
    if (endStream) stream.localEnded = true;
    if (this.#body === null) {
      if (endStream) this.#dispatch(this.#content.takeAll());
      return;
    }
    if (this.#isAsked) this.#pushContent(this.#body);
    stream.sendWindow = this.#room;
  }

  /** What the exchange may send, beside what waits. */
  get #room(): number {
    return WINDOW_BYTES - this.#content.length - (this.#body?.readableLength ?? 0);
  }

  /** Gives undici what there is, as one piece. */
  #pushContent(body: Readable): void {
    if (this.#content.length > 0) {
      this.#isAsked = false;
      body.push(this.#content.takeAll());
    } else if (this.stream.localEnded) {
      this.#isAsked = false;
      body.push(null);
    }
  }

  /** The trailers of a request have no place in what undici sends; gRPC has none, and a gRPC backend speaks HTTP/2. */
  sendTrailers(stream: Stream): void {
    if (!stream.closed && !stream.localEnded) this.sendData(stream, NOTHING, 0, 0, true);
  }

  #onRead(): void {
    const { stream } = this;
    const body = this.#body;
    if (stream.closed || body === null) return;
    this.#isAsked = true;
    this.#pushContent(body);
    const room = this.#room;
    if (stream.localEnded || room <= stream.sendWindow) return;
    stream.sendWindow = room;
    this.owner.http2.turn.begin();
    stream.handler.onCredit(stream);
  }

  protected resumeReading(): void {
    if (this.controller?.paused) this.controller.resume();
  }

  protected release(): void {
    this.#content.clear();
    this.#body?.destroy();
  }

  // ---- what undici tells -----------------------------------------------------------------------------------------

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const { stream } = this;
    if (stream.closed) return;
    const { http2 } = this.owner;
    http2.turn.begin();
    const { block, head } = http2;
    const isPlain = fillBlock(block, http2.fields, controller.rawHeaders as Buffer[], statusField(status));
    if (head.readResponse(block) !== null || !isPlain) {
      this.fail(ErrorCode.ProtocolError, ResetCause.Violation);
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
    this.owner.http2.turn.begin();
    stream.receiveWindow -= chunk.length;
    stream.handler.onData(stream, chunk, 0, chunk.length, false);
    if (stream.receiveWindow <= 0 && !stream.closed) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const { stream } = this;
    if (stream.closed) return;
    const { http2 } = this.owner;
    http2.turn.begin();
    const told = stream.remoteEnded;
    stream.remoteEnded = true;
    this.close();
    if (told) return;
    const { block, head } = http2;
    fillBlock(block, http2.fields, (controller.rawTrailers ?? []) as Buffer[], null);
    if (block.count > 0 && head.readTrailers(block) === null) stream.handler.onTrailers(stream, head, block);
    else stream.handler.onData(stream, NOTHING, 0, 0, true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.stream.closed) return;
    this.owner.http2.turn.begin();
    const { code = error.message } = error as NodeJS.ErrnoException;
    this.endedBecause = REASONS[code] ?? code;
    if (this.stream.remoteEnded) this.close();
    else if (code.startsWith('HPE_')) this.fail(ErrorCode.ProtocolError, ResetCause.Violation);
    else this.fail(ErrorCode.InternalError, ResetCause.ConnectionLost);
    if (!this.ready) this.owner.onConnectFailed(this.endedBecause);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'closed by the peer',
};

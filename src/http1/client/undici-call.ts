import type { Dispatcher } from 'undici';
import {
  type Http2Context,
  type ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
} from '../../http2/index.ts';
import { WINDOW_BYTES, widen } from '../window.ts';

/** Who a call belongs to. */
export interface UndiciCallOwner {
  readonly http2: Http2Context;
  readonly dispatcher: Dispatcher;
  onCallEnded(call: StreamConnection): void;
  onReached(): void;
  onConnectFailed(reason: string): void;
}

/** One call over HTTP/1.1 by undici, shown as a stream; what its content is, its kinds know. */
export abstract class UndiciCall implements StreamConnection, Dispatcher.DispatchHandler {
  readonly resetsStreams = false;
  ready = false;
  endedBecause = '';
  readonly stream: Stream;
  protected readonly owner: UndiciCallOwner;
  protected controller: Dispatcher.DispatchController | null = null;

  constructor(owner: UndiciCallOwner, handler: StreamHandler) {
    this.owner = owner;
    this.stream = new Stream(1, this, handler, WINDOW_BYTES, WINDOW_BYTES);
  }

  get connected(): boolean {
    return this.ready;
  }

  abstract sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  abstract sendTrailers(stream: Stream): void;
  /** Reads on after the window was used up. */
  protected abstract resumeReading(): void;
  /** Lets go of what the call has besides undici's request. */
  protected abstract release(): void;

  sendHeaders(): void {
    // A client sends its headers with the request.
  }

  grant(stream: Stream, limit: number): void {
    if (widen(stream, limit)) this.resumeReading();
  }

  /** It ends with its one stream. */
  shutdown(): void {}

  letGo(stream: Stream): void {
    this.reset(stream);
  }

  /** undici has a connection end with the call that is cut short on it. */
  destroy(): void {
    this.reset(this.stream);
  }

  reset(stream: Stream): void {
    if (stream.closed) return;
    this.close();
    this.release();
    this.controller?.abort(new Error('given up'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.ready = true;
    this.owner.onReached();
    this.controller = controller;
    // It has waited for a connection: it may have to be given up by now.
    this.owner.http2.turn.begin();
    if (this.stream.closed) controller.abort(new Error('given up'));
  }

  protected fail(code: number, cause: ResetCause): void {
    this.close();
    this.release();
    this.stream.handler.onReset(this.stream, code, cause);
  }

  protected close(): void {
    this.stream.closed = true;
    this.owner.onCallEnded(this);
  }
}

import type { Socket } from 'node:net';
import type { Http2Context, Stream } from '../http2/index.ts';

/** A client's connection, whatever version of HTTP it speaks. */
export interface ClientConnection {
  readonly openStreams: number;
  receive(bytes: Uint8Array, start: number, end: number): void;
  /** Ends it in order. */
  shutdown(reason: string): void;
  /** Cuts it. */
  destroy(): void;
  sweep(nowMs: number): void;
  forEachStream(visit: (stream: Stream) => void): void;
}

/** HTTP/2's preface begins so (RFC 9113, 3.4), and no request of HTTP/1.1 does: there is no method PRI. */
const HTTP2_BEGINNING = Buffer.from('PRI ', 'latin1');

/** Waits for the bytes that tell HTTP/2 from HTTP/1.1. */
export class UndecidedConnection implements ClientConnection {
  readonly openStreams = 0;
  readonly #socket: Socket;
  readonly #context: Http2Context;
  readonly #onDecided: (protocol: 'http1' | 'http2', bytes: Uint8Array, start: number, end: number) => void;
  readonly #onClosed: () => void;
  readonly #createdMs: number;
  #first: Uint8Array = new Uint8Array(0);

  constructor(
    socket: Socket,
    context: Http2Context,
    onDecided: (protocol: 'http1' | 'http2', bytes: Uint8Array, start: number, end: number) => void,
    onClosed: () => void,
  ) {
    this.#socket = socket;
    this.#context = context;
    this.#onDecided = onDecided;
    this.#onClosed = onClosed;
    this.#createdMs = context.turn.nowMs;
    socket.on('error', this.#onEnd);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  readonly #onEnd = (): void => {
    this.#letGo();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
    this.#onClosed();
  };

  #letGo(): void {
    this.#socket.off('error', this.#onEnd);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#context.turn.begin();
    const carried = this.#first.length;
    let same = carried;
    let at = start;
    while (at < end && same < HTTP2_BEGINNING.length && bytes[at] === HTTP2_BEGINNING[same]) {
      at++;
      same++;
    }
    if (at === end && same < HTTP2_BEGINNING.length) {
      this.#first = HTTP2_BEGINNING.subarray(0, same);
      return;
    }
    this.#letGo();
    const protocol = same === HTTP2_BEGINNING.length ? 'http2' : 'http1';
    if (carried === 0) this.#onDecided(protocol, bytes, start, end);
    else {
      const whole = Buffer.concat([this.#first, bytes.subarray(start, end)]);
      this.#onDecided(protocol, whole, 0, whole.length);
    }
  }

  shutdown(): void {
    this.destroy();
  }

  destroy(): void {
    this.#onEnd();
  }

  forEachStream(): void {}

  sweep(nowMs: number): void {
    if (nowMs - this.#createdMs > this.#context.limits.requestHeadTimeoutMs) this.destroy();
  }
}

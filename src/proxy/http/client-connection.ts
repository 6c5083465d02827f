import type { Socket } from 'node:net';
import type { HttpContext, Stream } from '../../http/index.ts';

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

/** The first bytes of a client that has just connected are on their way: this is a long round trip. */
const FIRST_BYTES_MS = 1000;

/** Who takes a connection's bytes from its first ones on. */
type OnDecided = (
  protocol: 'http1' | 'http2',
  bytes: Uint8Array,
  start: number,
  end: number,
  /** Why it has to end behind what its client asks first; null where it may stay. */
  endsBecause: string | null,
) => void;

/** Waits for the bytes that tell HTTP/2 from HTTP/1.1. */
export class UndecidedConnection implements ClientConnection {
  readonly openStreams = 0;
  readonly #socket: Socket;
  readonly #context: HttpContext;
  readonly #onDecided: OnDecided;
  readonly #onClosed: () => void;
  readonly #createdMs: number;
  #first: Uint8Array = new Uint8Array(0);
  #endsBecause: string | null = null;
  #endsAtMs = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, context: HttpContext, onDecided: OnDecided, onClosed: () => void) {
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
    if (carried === 0) this.#onDecided(protocol, bytes, start, end, this.#endsBecause);
    else {
      const whole = Buffer.concat([this.#first, bytes.subarray(start, end)]);
      this.#onDecided(protocol, whole, 0, whole.length, this.#endsBecause);
    }
  }

  /** What its client has sent by now is answered: nobody has told it that it comes too late. */
  shutdown(reason: string): void {
    if (this.#endsBecause !== null) return;
    this.#endsBecause = reason;
    this.#endsAtMs = this.#context.turn.begin() + FIRST_BYTES_MS;
  }

  destroy(): void {
    this.#onEnd();
  }

  forEachStream(): void {}

  sweep(nowMs: number): void {
    const isLate = nowMs - this.#createdMs > this.#context.limits.requestHeadTimeoutMs;
    if (isLate || nowMs >= this.#endsAtMs) this.destroy();
  }
}

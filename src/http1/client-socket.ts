import type { Socket } from 'node:net';
import type { HttpContext } from '../http/index.ts';
import { ByteQueue, endSocket, Output, type OutputListener, ReadPause } from '../io/index.ts';
import { WINDOW_BYTES } from './window.ts';

/**
 * How much is read ahead of an answer: a socket that is not read does not show its client's end either, so it is read
 * on as far as memory allows.
 */
const AHEAD_BYTES = 65536;

/** What a client's socket reports to its connection. */
export interface ClientSocketListener {
  /** The client sends no more. */
  onClientEnd(): void;
  /** The kernel has taken what was written. */
  onTaken(): void;
  /** The client reads or sends nothing for too long: it is about to be lost. */
  onSlow(): void;
  /** The socket is of no more use, and was not ended here. */
  onLost(reason: string): void;
}

/** The socket of a client's HTTP/1.1 connection: how it is read and what was read ahead, what goes out, and how it ends. */
export class ClientSocket implements OutputListener {
  readonly output: Output;
  /** What came behind a request that was not answered yet. */
  readonly ahead = new ByteQueue();
  readonly #socket: Socket;
  readonly #listener: ClientSocketListener;
  readonly #pause: ReadPause;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #receivedAtMs = 0;
  #sentBytes = 0;
  /** When output last went out; and when it did, or there was none. */
  #movedAtMs = 0;
  #sentAtMs: number;

  constructor(socket: Socket, { buffers, turn }: HttpContext, listener: ClientSocketListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.#pause = new ReadPause(socket);
    this.#sentAtMs = turn.nowMs;
    this.output = new Output(socket, buffers, turn, this);
    socket.on('error', this.#onError);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => this.lose(error.code ?? error.message);
  readonly #onEnd = (): void => this.#listener.onClientEnd();
  readonly #onClose = (): void => this.lose('closed');
  readonly #onDrain = (): void => this.#listener.onTaken();

  /** It is neither being ended nor gone. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** `host:port` at which the client has reached us. */
  get ownAddress(): string {
    const { localAddress = '', localPort } = this.#socket;
    return `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
  }

  // ---- reading ---------------------------------------------------------------------------------------------------

  /** Bytes have come. */
  received(nowMs: number): void {
    this.#receivedAtMs = nowMs;
  }

  /** Keeps what came ahead of an answer. */
  keepAhead(bytes: Uint8Array, start: number, end: number): void {
    this.ahead.append(bytes, start, end);
    if (this.ahead.length > AHEAD_BYTES) this.#pause.begin();
  }

  /** Its receiver has no room. */
  pause(): void {
    this.#pause.begin();
  }

  /** Reads on, unless too much has come ahead. */
  resume(): void {
    if (this.ahead.length <= AHEAD_BYTES) this.#pause.end();
  }

  // ---- writing ---------------------------------------------------------------------------------------------------

  /** What may be sent before the client is behind. */
  get sendWindow(): number {
    return this.output.roomWithin(WINDOW_BYTES);
  }

  /** Whether the client is not behind. */
  takesMore(): boolean {
    return this.sendWindow >= 0;
  }

  beforeFlush(): void {}

  onWritable(): void {}

  onUnread(): void {
    if (this.#state !== 'closed') this.giveUp();
  }

  // ---- how fast the client is ------------------------------------------------------------------------------------

  /** How long nothing has come although the socket is read. */
  isSilent(nowMs: number, limitMs: number): boolean {
    return !this.#pause.isPaused && nowMs - this.#receivedAtMs > limitMs;
  }

  /** To be asked every second or so: whether the client has read nothing for too long, or may be gone. */
  isStalled(nowMs: number, limitMs: number): boolean {
    const sent = this.#socket.bytesWritten - this.#socket.writableLength;
    if (sent !== this.#sentBytes) this.#movedAtMs = nowMs;
    if (sent !== this.#sentBytes || this.output.unsentBytes === 0) this.#sentAtMs = nowMs;
    this.#sentBytes = sent;
    // One that is not read says nothing of its client's end: where nothing moves for this long, the client may be gone.
    const isUnresponsive = this.#pause.isPaused && nowMs - Math.max(this.#receivedAtMs, this.#movedAtMs) > limitMs;
    return isUnresponsive || nowMs - this.#sentAtMs > limitMs;
  }

  // ---- its end ---------------------------------------------------------------------------------------------------

  /** Writes what there is and closes; the client keeps a moment to read it. What it still sends is not read. */
  end(onClosed: () => void): void {
    if (!this.isOpen) return;
    this.#state = 'ending';
    this.ahead.clear();
    this.output.flushAll();
    endSocket(this.#socket, onClosed);
    this.resume();
  }

  /** Cuts it, because the client is too slow. */
  giveUp(): void {
    this.#listener.onSlow();
    this.destroy();
  }

  /** Cuts it. */
  destroy(): void {
    this.#socket.destroy();
    this.lose('closed here');
  }

  /** Has the client see that what it got is not all. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** It is of no more use. */
  lose(reason: string): void {
    if (this.#state === 'closed') return;
    const isEnding = this.#state === 'ending';
    this.#state = 'closed';
    this.output.discard();
    this.ahead.clear();
    this.#socket.destroy();
    if (!isEnding) this.#listener.onLost(reason);
  }

  /** Writes what there is, and leaves the socket to other code. */
  detach(): void {
    this.output.detach();
    this.#state = 'closed';
    this.#socket.off('error', this.#onError);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('drain', this.#onDrain);
  }
}

import type { Socket } from 'node:net';

/** A client that reads nothing of a large answer holds up others that share its shard's connection; it is cut after this time. */
const SLOW_READER_MS = 10_000;

/** Watches whether a client takes what is written for it. */
export class SlowReader {
  readonly #socket: Socket;
  /** When it took something last, or nothing was there for it. */
  #movedAtMs = 0;
  #written = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** To be asked every second or so. @param isBehind much waits for it */
  isStuck(nowMs: number, isBehind: boolean): boolean {
    const written = this.#socket.bytesWritten - this.#socket.writableLength;
    if (!isBehind || written !== this.#written) this.#movedAtMs = nowMs;
    this.#written = written;
    return nowMs - this.#movedAtMs >= SLOW_READER_MS;
  }
}

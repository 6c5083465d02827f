import { Buffer } from 'node:buffer';
import { copyInto } from '../../http2/index.ts';

/**
 * A round trip's worth of requests, even at a gigabit a second; one that has been overwritten is not sent again. No larger
 * than the cache of one core: every request passes through, and with 4 MB the copy cost 5% of a small request.
 */
const ARENA_BYTES = 1024 * 1024;
/** Longer requests are not kept: refusal comes within a round trip, in which little more is sent. */
const LONGEST_REPLAY_BYTES = 65536;

/**
 * Keeps the content of requests for a short while, in case the owner refuses a stream that it did not process and the
 * request has to be sent to it again. A ring of bytes: keeping one is a copy, forgetting one is nothing.
 */
export class ReplayArena {
  readonly #bytes = Buffer.allocUnsafeSlow(ARENA_BYTES);
  /** Counts every byte ever written; the position is this modulo the size. */
  #written = 0;

  /**
   * Keeps bytes[start, end) behind the `length` bytes kept at `position`, moving those if others came between.
   * @param length 0 for a request's first content
   * @returns where the whole now begins, or -1 where it cannot be kept
   */
  append(position: number, length: number, bytes: Uint8Array, start: number, end: number): number {
    const total = length + (end - start);
    if (total > LONGEST_REPLAY_BYTES) return -1;
    const goesOn = length > 0 && position + length === this.#written && (position % ARENA_BYTES) + total <= ARENA_BYTES;
    if (goesOn) {
      this.#write(bytes, start, end);
      return position;
    }
    const kept = length > 0 ? this.read(position, length) : EMPTY;
    if (kept === null) return -1;
    const begin = this.#place(total);
    if (length > 0) this.#write(kept, 0, length);
    this.#write(bytes, start, end);
    return begin;
  }

  /** A copy of what was kept, or null where it has been overwritten. */
  read(position: number, length: number): Uint8Array | null {
    if (this.#written - position > ARENA_BYTES) return null;
    const at = position % ARENA_BYTES;
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  /** The position for `total` bytes in one piece: the ring's end is left out where they do not fit before it. */
  #place(total: number): number {
    const rest = ARENA_BYTES - (this.#written % ARENA_BYTES);
    if (rest < total) this.#written += rest;
    return this.#written;
  }

  #write(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#written % ARENA_BYTES;
    copyInto(this.#bytes, at, bytes, start, end);
    this.#written += end - start;
  }
}

const EMPTY = new Uint8Array(0);

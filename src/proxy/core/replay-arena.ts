import { Buffer } from 'node:buffer';
import { copyInto } from '../../io/index.ts';

/**
 * A round trip's worth of requests, even at a gigabit a second; one that has been overwritten is not sent again. No larger
 * than the cache of one core: every request passes through, and with 4 MB the copy cost 5% of a small request.
 */
const ARENA_BYTES = 1024 * 1024;
/** Longer requests are not kept: refusal comes within a round trip, in which little more is sent. */
const LONGEST_REPLAY_BYTES = 65536;
/** Most requests with content have more than this. */
const SMALLEST_ROOM = 64;

/**
 * Keeps the content of requests for a short while, in case the owner refuses a stream that it did not process and the
 * request has to be sent to it again. A ring of bytes: keeping one is a copy, forgetting one is nothing.
 */
export class ReplayArena {
  readonly #bytes = Buffer.allocUnsafeSlow(ARENA_BYTES);
  /** Counts every byte ever given out; the position is this modulo the size. */
  #written = 0;
  /** Bytes that were copied because their request's room was used up. */
  moved = 0;

  /**
   * Keeps bytes[start, end) behind the `length` bytes kept at `position`, moving those if they have no room left.
   * @param length 0 for a request's first content
   * @returns where the whole now begins, or -1 where it cannot be kept
   */
  append(position: number, length: number, bytes: Uint8Array, start: number, end: number): number {
    const total = length + (end - start);
    if (total > LONGEST_REPLAY_BYTES) return -1;
    if (length === 0) return this.#write(this.#place(roomFor(total)), 0, bytes, start, end);
    if (this.#isOverwritten(position)) return -1;
    const room = roomFor(length);
    if (total <= room) return this.#write(position, length, bytes, start, end);
    const larger = roomFor(total);
    const isLast = position + room === this.#written;
    if (isLast && (position % ARENA_BYTES) + larger <= ARENA_BYTES) {
      this.#written = position + larger;
      return this.#write(position, length, bytes, start, end);
    }
    return this.#write(this.#move(position, length, larger), length, bytes, start, end);
  }

  /** A copy of what was kept, or null where it has been overwritten. */
  read(position: number, length: number): Uint8Array | null {
    if (this.#isOverwritten(position)) return null;
    const at = position % ARENA_BYTES;
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  #isOverwritten(position: number): boolean {
    return this.#written - position > ARENA_BYTES;
  }

  #move(position: number, length: number, room: number): number {
    const begin = this.#place(room);
    const from = position % ARENA_BYTES;
    // What lies where the new room begins is copied within one step, so that it may be its own.
    this.#bytes.copyWithin(begin % ARENA_BYTES, from, from + length);
    this.moved += length;
    return begin;
  }

  /** The position for `room` bytes in one piece: the ring's end is left out where they do not fit before it. */
  #place(room: number): number {
    const rest = ARENA_BYTES - (this.#written % ARENA_BYTES);
    if (rest < room) this.#written += rest;
    const begin = this.#written;
    this.#written += room;
    return begin;
  }

  #write(position: number, length: number, bytes: Uint8Array, start: number, end: number): number {
    copyInto(this.#bytes, (position % ARENA_BYTES) + length, bytes, start, end);
    return position;
  }
}

/**
 * The room that `length` bytes are given: up to a fifth more, so that content that comes in pieces is moved when it has
 * grown by as much, and each byte a few times, however small the pieces are and whatever other clients send between them.
 */
function roomFor(length: number): number {
  if (length <= SMALLEST_ROOM) return SMALLEST_ROOM;
  // A quarter of the power of two below.
  const step = 1 << (29 - Math.clz32(length - 1));
  return Math.ceil(length / step) * step;
}

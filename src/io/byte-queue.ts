import { Buffer } from 'node:buffer';

/** A queue's first block: bytes that come one at a time are worth no more at first. */
const SMALLEST_BLOCK = 256;
/** Blocks that collect small pieces grow to this, a frame's size; larger ones would save nothing. */
const LARGEST_BLOCK = 16384;

/**
 * Bytes that wait, first in, first out. Pieces are collected in blocks, so that what they cost depends on their bytes and
 * not on their number: no more than twice the bytes and one block, however small the pieces are.
 */
export class ByteQueue {
  /** All but the last are full; those before `#first` have been consumed. */
  readonly #blocks: Buffer[] = [];
  #first = 0;
  /** The bytes of the last block that are used. */
  #lastEnd = 0;
  /** Where the bytes begin in the first block. */
  start = 0;
  /** The number of bytes that wait. */
  length = 0;

  /** Adds a copy of bytes[start, end). */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const last = this.#blocks[this.#blocks.length - 1];
    let at = start;
    if (last !== undefined && this.#lastEnd < last.length) {
      at = Math.min(end, start + last.length - this.#lastEnd);
      last.set(bytes.subarray(start, at), this.#lastEnd);
      this.#lastEnd += at - start;
    }
    if (at < end) {
      const room = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, this.length));
      const block = Buffer.allocUnsafeSlow(Math.max(end - at, room));
      block.set(bytes.subarray(at, end));
      this.#blocks.push(block);
      this.#lastEnd = end - at;
    }
    this.length += end - start;
  }

  /** The block that the oldest bytes stand in, from `start` to `end`. The queue must not be empty. */
  get block(): Buffer {
    return this.#blocks[this.#first] as Buffer;
  }

  get end(): number {
    return this.#first === this.#blocks.length - 1 ? this.#lastEnd : this.block.length;
  }

  /** Lets go of the oldest bytes, at most as many as stand in `block`. */
  consume(count: number): void {
    this.length -= count;
    this.start += count;
    if (this.length === 0) this.clear();
    else if (this.start === this.end) {
      this.start = 0;
      this.#blocks[this.#first++] = NOTHING;
      // Consumed places are given up together, so that a long queue is not moved for each.
      if (this.#first * 2 >= this.#blocks.length) {
        this.#blocks.splice(0, this.#first);
        this.#first = 0;
      }
    }
  }

  /** Visits all bytes in their order, and keeps them. */
  forEach(visit: (bytes: Uint8Array, start: number, end: number) => void): void {
    for (let i = this.#first; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as Buffer;
      visit(block, i === this.#first ? this.start : 0, i === this.#blocks.length - 1 ? this.#lastEnd : block.length);
    }
  }

  /** All bytes in one piece; the queue is empty afterwards. */
  takeAll(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.length);
    let at = 0;
    this.forEach((bytes, start, end) => {
      all.set(bytes.subarray(start, end), at);
      at += end - start;
    });
    this.clear();
    return all;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#first = 0;
    this.#lastEnd = 0;
    this.start = 0;
    this.length = 0;
  }
}

const NOTHING = Buffer.alloc(0);

import { Buffer } from 'node:buffer';
import { copyInto } from '../../../io/index.ts';

/**
 * Bytes [start, end) with something shorter in place of some of them. What stays is copied in ranges, into one buffer; where all stays, nothing is
 * copied.
 */
export class Shortened {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #into: Buffer | null = null;
  #length = 0;
  /** Up to here the bytes are in `#into`, or have something else in their place. */
  #taken: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#taken = start;
  }

  /** @param text latin1, no longer than what it stands for: [from, to), which is behind all that was replaced before */
  replace(from: number, to: number, text: string): void {
    const into = this.#copyUpTo(from);
    this.#length += into.write(text, this.#length, 'latin1');
    this.#taken = to;
  }

  /** What it has become, up to one of its bytes: a view of the bytes where nothing is replaced. */
  upTo(end: number): Uint8Array {
    if (this.#into === null) return this.#bytes.subarray(this.#start, end);
    return this.#copyUpTo(end).subarray(0, this.#length);
  }

  #copyUpTo(to: number): Buffer {
    this.#into ??= Buffer.allocUnsafe(this.#end - this.#start);
    copyInto(this.#into, this.#length, this.#bytes, this.#taken, to);
    this.#length += to - this.#taken;
    this.#taken = to;
    return this.#into;
  }
}

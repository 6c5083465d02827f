import { Buffer } from 'node:buffer';
import { copyInto } from '../../../io/index.ts';

/** Room for some thousand short replies. */
const SLAB_BYTES = 65536;
/** A longer reply gets memory of its own, so that it does not keep a whole slab alive, or use one up. */
const SHORT_REPLY_BYTES = 4096;

/**
 * Keeps replies that came before it was their turn. With several shards most replies of a pipeline do: an array for each
 * would cost more than the reply. A slab is filled from its start and then left to the garbage collector.
 */
export class ReplySlab {
  #bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #length = 0;
  /** Where the reply that was kept last begins in what `keep` has returned. */
  at = 0;

  /** Copies bytes[start, end). @returns what it stands in from now on, from `at` on */
  keep(bytes: Uint8Array, start: number, end: number): Buffer {
    const length = end - start;
    if (length > SHORT_REPLY_BYTES) {
      const own = Buffer.allocUnsafeSlow(length);
      copyInto(own, 0, bytes, start, end);
      this.at = 0;
      return own;
    }
    if (this.#length + length > SLAB_BYTES) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#length = 0;
    }
    copyInto(this.#bytes, this.#length, bytes, start, end);
    this.at = this.#length;
    this.#length += length;
    return this.#bytes;
  }
}

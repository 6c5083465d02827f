import { ByteQueue } from '../../../io/index.ts';

/** What a thread's waiting content is counted in, and how much of it one request may keep. */
export interface ContentAccount {
  bytes: number;
  /** Whether a holder of so many of the bytes is within its share. */
  allows(bytes: number): boolean;
}

/**
 * Content of a request that waits to be sent, or to be sent again: in blocks, whatever the size of the frames that it came in,
 * and counted with all that waits in its thread.
 */
export class HeldContent {
  readonly #queue = new ByteQueue();
  readonly #account: ContentAccount;

  constructor(account: ContentAccount) {
    this.#account = account;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Keeps a copy of bytes[start, end). @returns false where that is more than may wait; it is kept nevertheless */
  append(bytes: Uint8Array, start: number, end: number): boolean {
    this.#queue.append(bytes, start, end);
    this.#account.bytes += end - start;
    return this.#account.allows(this.#queue.length);
  }

  /** Hands all of it on, piece by piece, and keeps nothing. */
  drain(visit: (bytes: Uint8Array, start: number, end: number, isLast: boolean) => void): void {
    const queue = this.#queue;
    while (queue.length > 0) {
      const { block, start, end } = queue;
      const count = end - start;
      const isLast = count === queue.length;
      // What is handed on counts where it goes.
      this.#account.bytes -= count;
      visit(block, start, end, isLast);
      queue.consume(count);
    }
  }

  /** A copy of all of it. */
  copy(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.#queue.length);
    let at = 0;
    this.#queue.forEach((bytes, start, end) => {
      all.set(bytes.subarray(start, end), at);
      at += end - start;
    });
    return all;
  }

  /** Forgets it. */
  clear(): void {
    this.#account.bytes -= this.#queue.length;
    this.#queue.clear();
  }
}

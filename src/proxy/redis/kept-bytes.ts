import type { BufferPool } from '../../io/index.ts';

/**
 * What a thread keeps for one client, whatever it is: answers that wait for earlier ones or for their other parts, messages that wait for
 * the end of an answer, commands that are not whole or wait for EXEC, names that it listens to. It counts for the client, which may have as
 * much as output may wait for it (`limits.maxUnsent`), and in the backlog, for all clients together.
 */
export class KeptBytes {
  bytes = 0;
  readonly #buffers: BufferPool;
  #isStopped = false;

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** So much more is kept. @returns false where it is more than may be: it is for the caller to let go of it */
  add(bytes: number): boolean {
    if (this.#isStopped) return true;
    this.bytes += bytes;
    this.#buffers.backlog.bytes += bytes;
    return this.bytes <= this.#buffers.maxUnsentBytes && this.#buffers.backlog.allows(this.bytes);
  }

  /** So much of what was added is kept no more. */
  remove(bytes: number): void {
    if (this.#isStopped) return;
    this.bytes -= bytes;
    this.#buffers.backlog.bytes -= bytes;
  }

  /** Whether so much more may be kept. */
  hasRoomFor(bytes: number): boolean {
    const { maxUnsentBytes, backlog } = this.#buffers;
    return this.bytes + bytes <= maxUnsentBytes && backlog.allows(this.bytes + bytes);
  }

  /** The client had better be answered before it sends more. */
  get isHalfFull(): boolean {
    return 2 * this.bytes > this.#buffers.maxUnsentBytes;
  }

  /** The client has gone: nothing is kept for it, and nothing counts any more. */
  stop(): void {
    this.remove(this.bytes);
    this.#isStopped = true;
  }
}

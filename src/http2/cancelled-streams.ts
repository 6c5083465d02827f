import type { Stream } from '../http/index.ts';

/**
 * A server that is asked for streams and has them reset at once takes that for an attack (CVE-2023-44487) and ends the
 * connection, and with it all other streams on it: nghttp2, and so Node, allows 1,000 at once and 33 a second. A proxy
 * whose clients go away by the thousand has to stay below that.
 */
const BURST = 500;
const PER_SECOND = 25;

/** Streams of ours that are not wanted any more, and that the peer hears of a few at a time. */
export class CancelledStreams {
  readonly #waiting = new Set<Stream>();
  #tokens = BURST;
  #refilledMs: number;

  constructor(nowMs: number) {
    this.#refilledMs = nowMs;
  }

  /** Streams that are open to the peer, and of no interest to us. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Whether there are any, and no other streams are open. @param open streams of the connection */
  areAll(open: number): boolean {
    return this.count > 0 && this.count === open;
  }

  /** Whether a stream may be reset now; each yes is counted. */
  take(nowMs: number): boolean {
    this.#tokens = Math.min(BURST, this.#tokens + ((nowMs - this.#refilledMs) * PER_SECOND) / 1000);
    this.#refilledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  postpone(stream: Stream): void {
    this.#waiting.add(stream);
  }

  /** It has ended by itself, or has been reset. */
  forget(stream: Stream): void {
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
  }

  /** Resets those that may be reset now, the longest waiting first. @param reset which has each forgotten */
  resetDue(nowMs: number, reset: (stream: Stream) => void): void {
    for (const stream of this.#waiting) {
      if (!this.take(nowMs)) return;
      reset(stream);
    }
  }
}

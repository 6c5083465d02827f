import type { HttpContext, Stream } from '../http/index.ts';
import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW } from './frames.ts';

/** What a connection lets its peer send: on the whole connection, and on each of its streams (RFC 9113, 5.2). */
export class ReceiveWindows {
  /**
   * What a stream's peer may send at first. A client has its window at once. A shard's answer may be for a client that does not
   * read: it has the rest once its client has taken half of the first.
   */
  readonly first: number;
  readonly #context: HttpContext;
  readonly #writer: FrameWriter;
  /** Of the connection's window, what the peer has not used. */
  #left: number;

  constructor(isServer: boolean, context: HttpContext, writer: FrameWriter) {
    const { streamWindowBytes } = context.limits;
    this.first = isServer ? streamWindowBytes : Math.min(DEFAULT_WINDOW, streamWindowBytes);
    this.#context = context;
    this.#writer = writer;
    this.#left = this.#full;
  }

  /** The window that we advertise for the connection; it cannot be smaller than the RFC's. */
  get #full(): number {
    return Math.max(DEFAULT_WINDOW, this.#context.limits.connectionWindowBytes);
  }

  /** Announces the connection's window to the peer, where it is not the one that it assumes. */
  announce(): void {
    if (this.#full > DEFAULT_WINDOW) this.#writer.windowUpdate(0, this.#full - DEFAULT_WINDOW);
  }

  /** The peer has used some of the connection's window, which is credited from half of it on. @returns false where it had less */
  use(bytes: number): boolean {
    this.#left -= bytes;
    if (this.#left >= this.#context.limits.connectionWindowBytes >> 1) return true;
    if (this.#left < 0) return false;
    this.#writer.windowUpdate(0, this.#full - this.#left);
    this.#left = this.#full;
    return true;
  }

  /**
   * Lets the peer send again on a stream of which it has used more than half its first window: up to the window, and not
   * beyond `limit`, what the receiver behind us can take at once. So nothing piles up here, and a receiver's window that
   * is smaller than ours cannot lead to a deadlock.
   */
  grant(stream: Stream, limit: number): void {
    if (stream.closed || stream.remoteEnded) return;
    if (stream.receiveWindow >= this.first >> 1) return;
    const target = Math.min(limit, this.#context.limits.streamWindowBytes);
    if (target <= stream.receiveWindow) return;
    this.#writer.windowUpdate(stream.id, target - stream.receiveWindow);
    stream.receiveWindow = target;
  }
}

import type { Socket } from 'node:net';
import { ContentPace } from '../core/content-pace.ts';
import type { CoreLimits } from '../core/context.ts';

/** Watches whether the content of a large command comes: it holds a connection to its shard, or memory. */
export class SlowSender {
  readonly #socket: Socket;
  /** Null where there is none. */
  #pace: ContentPace | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * To be asked every second or so.
   * @param isSending a large command has begun, and its rest has not come
   * @param maySend false while the router itself holds the client back
   */
  isStuck(nowMs: number, isSending: boolean, maySend: boolean, limits: CoreLimits): boolean {
    if (!isSending) {
      this.#pace = null;
      return false;
    }
    const { bytesRead } = this.#socket;
    this.#pace ??= new ContentPace(bytesRead, nowMs);
    return this.#pace.isTooSlow(bytesRead, nowMs, maySend, limits);
  }
}

import type { CoreLimits } from './context.ts';

/** How fast a request's content comes. Made only for requests whose content goes on for a second or more. */
export class ContentPace {
  #bytes: number;
  #sinceMs: number;

  /** @param bytes that have come so far */
  constructor(bytes: number, nowMs: number) {
    this.#bytes = bytes;
    this.#sinceMs = nowMs;
  }

  /**
   * Whether too few bytes have come in the time that is allowed for them; another such time begins then.
   * @param bytes that have come so far
   * @param maySend false while the router itself holds the client back: then the time does not run
   */
  isTooSlow(
    bytes: number,
    nowMs: number,
    maySend: boolean,
    limits: Pick<CoreLimits, 'requestContentTimeoutMs' | 'leastContentBytesPerSecond'>,
  ): boolean {
    const { requestContentTimeoutMs: withinMs, leastContentBytesPerSecond } = limits;
    const lastsMs = nowMs - this.#sinceMs;
    if (maySend && lastsMs < withinMs) return false;
    const came = bytes - this.#bytes;
    this.#bytes = bytes;
    this.#sinceMs = nowMs;
    return maySend && withinMs > 0 && came < (leastContentBytesPerSecond * lastsMs) / 1000;
  }
}

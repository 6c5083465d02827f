/** How much may wait while keys are handed over. Plain data; of each worker. */
export interface HoldDescription {
  /** Requests; beyond them: 503, UNAVAILABLE, to be tried again. */
  readonly requests: number;
  /** Bytes of their content. */
  readonly bytes: number;
  /** No request waits for longer at a time. */
  readonly waitMs: number;
}

/**
 * A tenth of 200,000 watches that come back while the others still leave; and longer than a drain's window with what follows.
 */
export const defaultHold: HoldDescription = { requests: 20_000, bytes: 64 * 2 ** 20, waitMs: 30_000 };

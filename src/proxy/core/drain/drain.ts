/** How streams end whose keys have moved, or whose shard goes away. Plain data. */
export interface DrainDescription {
  /** They end within this time, spread evenly. */
  readonly windowMs: number;
  /** No more of them in a second, even where the window is longer for it. */
  readonly ratePerSecond: number;
  /** A stream that cannot end in its protocol's way, because a message is under way, is reset after this time. */
  readonly graceMs: number;
  /** A stream that no route calls a watch counts as one once it has been open for this long. */
  readonly longLivedAfterMs: number;
  /**
   * A call that takes longer is waited for before anything is held, so that neighbours need not wait with it. Infinite: none is, unless requests
   * were held in vain for it.
   */
  readonly slowAfterMs: number;
  /** Clients are told to come back after some time up to this, so that they do not come all at once. */
  readonly pushbackMs: number;
}

/** Longer than most calls take, and too short to matter much to the requests that wait. */
const SLOW_AFTER_MS = 100;

export const defaultDrain: DrainDescription = {
  windowMs: 5000,
  ratePerSecond: 10_000,
  graceMs: 5000,
  longLivedAfterMs: 10_000,
  slowAfterMs: SLOW_AFTER_MS,
  pushbackMs: 1000,
};

import type { ResumeDescription } from '../../http/replay/resume.ts';

/** How streams end whose keys have moved, or whose shard goes away. Plain data. */
export interface DrainDescription {
  /** Within so long they end, spread evenly. */
  readonly windowMs: number;
  /** No more of them in a second, even where the window is longer for it. */
  readonly ratePerSecond: number;
  /** A stream that cannot end in its protocol's way, because a message is under way, is reset after so long. */
  readonly graceMs: number;
  /** A stream that no route calls a watch is one once it has been open for so long. */
  readonly longLivedAfterMs: number;
  /** Clients are told to come back after some time up to this, so that they do not come all at once. */
  readonly pushbackMs: number;
}

export const defaultDrain: DrainDescription = {
  windowMs: 5000,
  ratePerSecond: 10_000,
  graceMs: 5000,
  longLivedAfterMs: 10_000,
  pushbackMs: 1000,
};

/** How a stream leaves its owner. */
export type MoveWay = 'goaway' | 'end' | 'replay';

/** What a route's clients are told when their key moves. Plain data. */
export interface MoveDescription {
  /**
   * `goaway`: over HTTP/2 they are told to make a new connection, and the stream ends; `end`: it ends; `replay`: it stays, and the call
   * is made anew at the new owner, where that can be done.
   */
  readonly how: MoveWay;
  /** For `replay`: where the call goes on; from its beginning where nothing says so. */
  readonly resume?: ResumeDescription | undefined;
  /** `ok` for clients that take the end of a stream for "come again". */
  readonly status: 'unavailable' | 'ok';
  /** In place of one that names the versions. */
  readonly message?: string | undefined;
}

export const defaultMove: MoveDescription = { how: 'goaway', status: 'unavailable' };

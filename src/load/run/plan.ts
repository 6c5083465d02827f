import type { PreparedCall } from '../calls/index.ts';
import type { Second } from '../record/index.ts';
import type { Target } from '../transport/index.ts';
import type { Rate, Spread } from './arrivals.ts';
import type { KeyDistribution, KeySpace } from './keys.ts';

/** How requests come. */
export type Pattern =
  /** At a rate, whatever becomes of those before. */
  | { readonly kind: 'open'; readonly rate: Rate; readonly spread: Spread }
  /** A number of users, each of whom waits for an answer before asking again. */
  | { readonly kind: 'closed'; readonly users: number };

/** A run, as it is planned. */
export interface LoadPlan {
  readonly target: Target;
  /** Whether HTTP/1.1 is spoken, in place of HTTP/2. */
  readonly http1: boolean;
  readonly connections: number;
  /** Those of watches, besides. */
  readonly watchConnections: number;
  readonly calls: readonly PreparedCall[];
  /** Beside `calls`. */
  readonly weights: readonly number[];
  readonly keys: KeySpace;
  readonly distribution: KeyDistribution;
  readonly lines: readonly string[];
  readonly pattern: Pattern;
  readonly durationMs: number;
  /** Before it, what comes is not counted. */
  readonly warmUpMs: number;
  readonly timeoutMs: number;
  /** The header of an answer that names the shard, in small letters. */
  readonly shardHeader: string;
  /** At most this many are sent while none of them is answered. */
  readonly maxInFlight: number;
  /** Requests that take longer are a pause. */
  readonly pauseMs: number;
  /** What clients see is written down and judged. */
  readonly checks: boolean;
}

export interface LoadSurroundings {
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly random: () => number;
  /** The counting begins. */
  readonly onCounting: () => void;
  /** The time is over: resolves when the run may end. */
  readonly mayEnd: () => Promise<void>;
  readonly onSecond: (second: Second) => void;
}

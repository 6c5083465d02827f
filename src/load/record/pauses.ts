/** A time in which requests took longer than they should. */
export interface Pause {
  /** Of the first of them, ms after the counting has begun. */
  readonly fromMs: number;
  readonly lastsMs: number;
  /** Those that took too long. */
  readonly requests: number;
  /** About how many keys those were. */
  readonly keys: number;
}

/** Later pauses are not told apart from the last of these. */
const MOST = 10_000;

interface Interval {
  fromMs: number;
  toMs: number;
  requests: number;
  readonly keys: Set<number>;
}

/** Finds the times in which requests took longer than a threshold: their own times, put together where they overlap. */
export class Pauses {
  readonly #thresholdMs: number;
  /** In the order of their ends. */
  readonly #intervals: Interval[] = [];

  constructor(thresholdMs: number) {
    this.#thresholdMs = thresholdMs;
  }

  take(dueMs: number, latencyMs: number, key: number): void {
    if (latencyMs <= this.#thresholdMs) return;
    const taken: Interval = { fromMs: dueMs, toMs: dueMs + latencyMs, requests: 1, keys: new Set([key]) };
    const intervals = this.#intervals;
    // Requests are reported in the order of their ends, so that one that overlaps is among the last.
    for (let last = intervals.at(-1); last !== undefined; last = intervals.at(-1)) {
      if (last.toMs < taken.fromMs && intervals.length < MOST) break;
      intervals.pop();
      taken.fromMs = Math.min(taken.fromMs, last.fromMs);
      taken.toMs = Math.max(taken.toMs, last.toMs);
      taken.requests += last.requests;
      for (const each of last.keys) taken.keys.add(each);
    }
    intervals.push(taken);
  }

  get all(): readonly Pause[] {
    return this.#intervals.map(({ fromMs, toMs, requests, keys }) => ({
      fromMs,
      lastsMs: toMs - fromMs,
      requests,
      keys: keys.size,
    }));
  }
}

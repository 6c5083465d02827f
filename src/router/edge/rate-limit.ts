import { TokenBucket } from '../../http2/index.ts';

/** Requests that one client, or one key, may make. Plain data; each worker counts by itself. */
export interface RateLimitDescription {
  readonly by: 'client' | 'key';
  readonly perSecond: number;
  /** How many may come at once. */
  readonly burst: number;
}

/**
 * So many are counted at once. Who has not been heard of for longest is forgotten first; a full bucket tells nothing, so
 * that a flood of new names costs memory of this size and no more.
 */
const MOST_BUCKETS = 65536;

/** A token bucket for each client or key. */
export class RateLimit {
  readonly by: 'client' | 'key';
  readonly #description: RateLimitDescription;
  /** In the order in which they were asked for last. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(description: RateLimitDescription) {
    this.by = description.by;
    this.#description = description;
  }

  /** Whether one more request is within the limit. */
  take(name: string, nowMs: number): boolean {
    const known = this.#buckets.get(name);
    if (known !== undefined) this.#buckets.delete(name);
    const bucket = known ?? new TokenBucket(this.#description.burst, this.#description.perSecond, nowMs);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > MOST_BUCKETS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket.take(nowMs);
  }
}

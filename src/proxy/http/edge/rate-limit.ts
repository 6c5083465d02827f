import { createHash } from 'node:crypto';
import { TokenBucket } from '../../../http/index.ts';

/** Requests that one client, or one key, may make. Plain data; each worker counts by itself. */
export interface RateLimitDescription {
  readonly by: 'client' | 'key';
  readonly perSecond: number;
  /** How many may come at once. */
  readonly burst: number;
}

/**
 * How many are counted at once, in two generations, of which the older one is forgotten when the younger is full: the
 * names that were seen last are kept, and a flood of new names costs memory of this size and no more. (To forget the
 * oldest of one map each time would cost a search: a map goes over the places of what was deleted.)
 */
const MAX_BUCKETS = 65536;

/** A longer name is kept by its hash: names are a client's to choose, as long as headers may be. */
const LONGEST_NAME = 128;

/** A token bucket for each client or key. */
export class RateLimit {
  readonly by: 'client' | 'key';
  readonly #description: RateLimitDescription;
  #young = new Map<string, TokenBucket>();
  #old = new Map<string, TokenBucket>();

  constructor(description: RateLimitDescription) {
    this.by = description.by;
    this.#description = description;
  }

  /** Whether one more request is within the limit. */
  take(asked: string, nowMs: number): boolean {
    const name = asked.length <= LONGEST_NAME ? asked : createHash('sha256').update(asked).digest('base64');
    let bucket = this.#young.get(name);
    if (bucket === undefined) {
      bucket = this.#old.get(name) ?? new TokenBucket(this.#description.burst, this.#description.perSecond, nowMs);
      if (this.#young.size >= MAX_BUCKETS / 2) {
        this.#old = this.#young;
        this.#young = new Map();
      }
      this.#young.set(name, bucket);
    }
    return bucket.take(nowMs);
  }
}

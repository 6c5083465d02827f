const LEAST_KEYS = 1;
const FIRST_KEYS = 10;
const MOST_KEYS = 100;
/** A batch stops both of its servers while it moves: so long clients may wait at most, where keys are not larger than that by themselves. */
const LONGEST_BATCH_MS = 20;

/** How many keys move at once, and how long the servers are left alone in between. */
export class Pace {
  readonly #keysPerSecond: number | null;
  readonly #clock: () => number;
  #keys = FIRST_KEYS;
  #beganMs = 0;

  /** @param keysPerSecond at most; null: as many as leave the servers half of their time */
  constructor(keysPerSecond: number | null, clock: () => number) {
    this.#keysPerSecond = keysPerSecond;
    this.#clock = clock;
  }

  /** How many keys the next batch has at most. */
  get keys(): number {
    return this.#keysPerSecond === null ? this.#keys : Math.max(LEAST_KEYS, Math.min(this.#keys, this.#keysPerSecond));
  }

  /** How many keys the slots have at most, all together, that are on their way at once, where these are several: not so many that they are that for long. */
  get keysTogether(): number {
    return Math.min(MOST_KEYS, this.#keysPerSecond ?? MOST_KEYS);
  }

  begin(): void {
    this.#beganMs = this.#clock();
  }

  /** @returns how long to wait before the next batch */
  end(moved: number): number {
    const tookMs = this.#clock() - this.#beganMs;
    if (tookMs > LONGEST_BATCH_MS) this.#keys = Math.max(LEAST_KEYS, Math.floor(this.#keys / 2));
    else if (tookMs < LONGEST_BATCH_MS / 2) this.#keys = Math.min(MOST_KEYS, this.#keys * 2);
    if (this.#keysPerSecond === null) return tookMs;
    return Math.max(tookMs, (moved / this.#keysPerSecond) * 1000 - tookMs);
  }
}

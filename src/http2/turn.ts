/** What has output to write at the end of a turn of the event loop. */
export interface Flushable {
  flush(): void;
}

/** How long an answer that nobody waits for (an acknowledged PING) may wait for other output to travel with. */
const LAZY_MS = 4;

/**
 * Collects what one turn of the event loop wrote, and flushes each connection once at its end: one system call a socket
 * and turn, whatever number of frames the turn produced. One for each thread.
 */
export class Turn {
  /** The time of the turn, in milliseconds of a monotonic clock; read once a turn by who begins it. */
  nowMs: number;
  readonly #clock: () => number;
  #dirty: Flushable[] = [];
  #flushing: Flushable[] = [];
  #lazy: Flushable[] = [];
  #scheduled = false;
  #lazyTimer: NodeJS.Timeout | null = null;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.nowMs = clock();
  }

  /** Reads the clock, at the beginning of a turn's work. */
  begin(): number {
    this.nowMs = this.#clock();
    return this.nowMs;
  }

  /** Has `flushable` flushed at the end of this turn. The caller sees to it that it says so once. */
  flushAtEnd(flushable: Flushable): void {
    this.#dirty.push(flushable);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
  }

  /** Has `flushable` flushed within a few milliseconds, if nothing else flushes it before. */
  flushSoon(flushable: Flushable): void {
    this.#lazy.push(flushable);
    if (this.#lazyTimer === null) this.#lazyTimer = setTimeout(this.#flushLazy, LAZY_MS);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const flushing = this.#dirty;
    this.#dirty = this.#flushing;
    this.#flushing = flushing;
    for (let i = 0; i < flushing.length; i++) (flushing[i] as Flushable).flush();
    flushing.length = 0;
  };

  readonly #flushLazy = (): void => {
    this.#lazyTimer = null;
    const flushing = this.#lazy;
    this.#lazy = [];
    for (const flushable of flushing) flushable.flush();
  };
}

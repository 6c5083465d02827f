/** What has output to write at the end of a turn of the event loop. */
export interface Flushable {
  flush(): void;
}

/** Code that has to know the time before anything else is done at it. */
export interface ClockWatcher {
  /** The time has come that it asked for, or is past. It may ask for another. */
  onTime(nowMs: number): void;
}

/** How long an answer that nothing waits for (an acknowledged PING) may wait for other output to travel with. */
const LAZY_MS = 4;

/**
 * Collects what one turn of the event loop wrote, and flushes each connection once at its end: one system call a socket
 * and turn, whatever number of frames the turn produced. One for each thread.
 */
export class Turn {
  /** The time of the turn, in milliseconds of a monotonic clock; read once a turn by the code that begins it. */
  nowMs: number;
  readonly #clock: () => number;
  #dirty: Flushable[] = [];
  #flushing: Flushable[] = [];
  #lazy: Flushable[] = [];
  #scheduled = false;
  #lazyTimer: NodeJS.Timeout | null = null;
  readonly #reminders = new Map<ClockWatcher, number>();
  #nextReminderMs = Number.POSITIVE_INFINITY;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.nowMs = clock();
  }

  /** Reads the clock, at the beginning of a turn's work. */
  begin(): number {
    const nowMs = this.#clock();
    this.nowMs = nowMs;
    if (nowMs >= this.#nextReminderMs) this.#remind(nowMs);
    return nowMs;
  }

  /**
   * Has a watcher called when the first turn begins at a time or later, before all else in it. Its last wish counts.
   */
  remind(watcher: ClockWatcher, atMs: number): void {
    this.#reminders.set(watcher, atMs);
    this.#nextReminderMs = Math.min(this.#nextReminderMs, atMs);
  }

  #remind(nowMs: number): void {
    // Turns that watchers begin themselves call no watcher.
    this.#nextReminderMs = Number.POSITIVE_INFINITY;
    for (const [watcher, atMs] of [...this.#reminders]) {
      if (nowMs < atMs) continue;
      this.#reminders.delete(watcher);
      watcher.onTime(nowMs);
    }
    this.#nextReminderMs = Math.min(...this.#reminders.values());
  }

  /**
   * The process may have been stopped since the turn began: what must not go out any more is cut before it is written. Where no watcher waits for a
   * time, the clock need not be read for that.
   */
  #remindLate(): void {
    if (this.#nextReminderMs !== Number.POSITIVE_INFINITY) this.begin();
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
    this.#remindLate();
    const flushing = this.#dirty;
    this.#dirty = this.#flushing;
    this.#flushing = flushing;
    for (let i = 0; i < flushing.length; i++) (flushing[i] as Flushable).flush();
    flushing.length = 0;
  };

  readonly #flushLazy = (): void => {
    this.#lazyTimer = null;
    this.#remindLate();
    const flushing = this.#lazy;
    this.#lazy = [];
    for (const flushable of flushing) flushable.flush();
  };
}

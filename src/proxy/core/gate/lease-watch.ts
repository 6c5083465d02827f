import type { ClockWatcher, Turn } from '../../../io/index.ts';

/**
 * Until when requests are let through, and when what is in flight is cut; by the machine's clock, in memory that the control
 * plane writes.
 */
export type ServesUntil = Float64Array<SharedArrayBuffer>;

/** The lease is looked at this often at least: one that was not needed before may have come to its end. */
const LOOK_MS = 1000;

/**
 * Watches the lease by which a thread serves a cluster. A process that was stopped past its end finds bytes to read before
 * its timers run: the clock is looked at first, and what is in flight is cut before anything else is done.
 */
export class LeaseWatch implements ClockWatcher {
  readonly #turn: Turn;
  readonly #until: ServesUntil;
  readonly #onEnd: () => void;
  /** Something may be in flight that has to be cut. */
  #isServing = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onEnd cuts what is in flight, in this turn */
  constructor(turn: Turn, until: ServesUntil, onEnd: () => void) {
    this.#turn = turn;
    this.#until = until;
    this.#onEnd = onEnd;
  }

  /** Whether its time is over at a time, and nothing that was let through in it is in flight any more. */
  isOverAt(nowMs: number): boolean {
    return nowMs >= (this.#until[0] as number) && !this.#isServing;
  }

  /** Whether a request may be sent at a time. Then what is in flight is cut once it may not be any more. */
  admitsAt(nowMs: number): boolean {
    if (nowMs >= (this.#until[0] as number)) return false;
    if (!this.#isServing) {
      this.#isServing = true;
      this.onTime(nowMs);
    }
    return true;
  }

  /** Looks now: what the control plane says may come before the lease is looked at otherwise. */
  look(): void {
    if (this.#isServing) this.onTime(this.#turn.begin());
  }

  onTime(nowMs: number): void {
    if (!this.#isServing) return;
    const cutAtMs = this.#until[1] as number;
    if (nowMs < cutAtMs) this.#lookAt(Math.min(cutAtMs, nowMs + LOOK_MS), nowMs);
    else {
      this.#isServing = false;
      this.#onEnd();
    }
  }

  #lookAt(atMs: number, nowMs: number): void {
    this.#turn.remind(this, atMs);
    clearTimeout(this.#timer);
    // A turn has to begin where nothing else begins one. Timers may fire a moment early.
    this.#timer = setTimeout(
      () => {
        const earlyMs = this.#turn.begin();
        if (earlyMs < atMs) this.#lookAt(atMs, earlyMs);
      },
      Math.ceil(atMs - nowMs),
    );
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

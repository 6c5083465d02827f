import { setTimeout as sleep } from 'node:timers/promises';

/** Requests have the thread for this many times as long as housekeeping has it. */
const RESTS = 4;
/** A step that takes less is followed by the next at once. */
const STEPS_MS = 0.5;
/**
 * A step takes a millisecond or so. Where one took much longer, its process was stopped, or waited for another's lock on the store: nothing
 * that requests want was used meanwhile, and a run that rested four times as long would outlive its term.
 */
const LONGEST_REST_MS = 20;

/** Limits housekeeping to a share of the thread, which requests need too. */
export class Pace {
  readonly #clock: () => number;
  readonly #signal: AbortSignal;
  #sinceMs: number;

  /** @param signal ends a rest: the run has to stop */
  constructor(clock: () => number, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#sinceMs = clock();
  }

  /** To be awaited between two steps. */
  async rest(): Promise<void> {
    const workedMs = this.#clock() - this.#sinceMs;
    if (workedMs < STEPS_MS) return;
    const restMs = Math.min(Math.max(1, workedMs * RESTS), LONGEST_REST_MS);
    await sleep(restMs, undefined, { signal: this.#signal }).catch(() => {});
    this.#sinceMs = this.#clock();
  }
}

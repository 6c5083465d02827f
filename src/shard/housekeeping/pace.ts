import { setTimeout as sleep } from 'node:timers/promises';

/** Requests have the thread for this many times as long as housekeeping has it. */
const RESTS = 4;
/** A step that takes less is followed by the next at once. */
const STEPS_MS = 0.5;

/** Keeps housekeeping to a share of the thread that requests want too. */
export class Pace {
  readonly #clock: () => number;
  #sinceMs: number;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#sinceMs = clock();
  }

  /** To be awaited between two steps. */
  async rest(): Promise<void> {
    const workedMs = this.#clock() - this.#sinceMs;
    if (workedMs < STEPS_MS) return;
    await sleep(Math.max(1, workedMs * RESTS));
    this.#sinceMs = this.#clock();
  }
}

import type { WaitingPlace } from './waiting-place.ts';

/** When a request is sent again, always to the same shard. Plain data. */
export interface RetryDescription {
  /** How often, at most. */
  readonly attempts: number;
  /** Also what a shard may have processed is repeated: after a lost connection, a 502, 503 or 504, or UNAVAILABLE. */
  readonly idempotent: boolean;
}

/** What was certainly not processed is sent again once, whatever the route. */
export const defaultRetries: RetryDescription = { attempts: 1, idempotent: false };

/** The first repetition goes at once; each later one waits twice as long as the one before, give or take half. */
const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 1000;

/** How long to wait before a repetition, the first being 1. */
export function retryWaitMs(attempt: number, random: () => number): number {
  if (attempt <= 1) return 0;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 2)) * (0.5 + random());
}

/** A shard's requests earn repetitions: one for five. */
const EARNED = 0.2;
/** How many may come at once, as when a connection with many streams goes away. */
const MAX_SAVED = 1000;

/** What a shard's repetitions may be, so that they do not bury one that is in trouble. */
export class RetryBudget {
  #saved = MAX_SAVED;

  earn(): void {
    if (this.#saved < MAX_SAVED) this.#saved += EARNED;
  }

  /** @returns false where there were too many */
  take(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}

/** One request's wait for its next repetition. */
export class RetryWait implements WaitingPlace<unknown> {
  readonly #timer: NodeJS.Timeout;

  constructor(request: { proceed(): void }, waitMs: number) {
    this.#timer = setTimeout(() => request.proceed(), waitMs);
  }

  forget(): void {
    clearTimeout(this.#timer);
  }
}

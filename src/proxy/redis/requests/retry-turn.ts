import type { WaitingPlace } from '../../core/waiting-place.ts';

/** How many commands of a client wait to be sent again. */
export interface Retries {
  waiting: number;
}

/** One command's wait to be sent again: for a time, and then for its turn among those of its client, so that they keep their order. */
export class RetryTurn implements WaitingPlace<unknown> {
  isDue = false;
  readonly #timer: NodeJS.Timeout;
  readonly #retries: Retries;

  constructor(retries: Retries, waitMs: number, onDue: () => void) {
    this.#retries = retries;
    retries.waiting++;
    this.#timer = setTimeout(() => {
      this.isDue = true;
      onDue();
    }, waitMs);
  }

  forget(): void {
    clearTimeout(this.#timer);
    this.#retries.waiting--;
  }
}

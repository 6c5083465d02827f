import type { Exchange } from '../exchange.ts';
import type { WaitingPlace } from '../waiting-place.ts';

/** How often it is tried whether the owner is there again. */
const TRY_EVERY_MS = 50;

/** Requests that wait for their owner to come back, each up to its time. */
export class HeldRequests implements WaitingPlace {
  readonly #clock: () => number;
  readonly #onExpired: (exchange: Exchange, reason: string) => void;
  readonly #held = new Map<Exchange, { readonly untilMs: number; readonly reason: string }>();
  /** Until when one may wait that was tried and may come back. */
  readonly #untilMs = new WeakMap<Exchange, number>();
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param onExpired an exchange has waited long enough
   */
  constructor(clock: () => number, onExpired: (exchange: Exchange, reason: string) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get count(): number {
    return this.#held.size;
  }

  /** Has an exchange wait. Its time runs from the first time that it is held. */
  hold(exchange: Exchange, reason: string, waitMs: number): void {
    const untilMs = this.#untilMs.get(exchange) ?? this.#clock() + waitMs;
    this.#untilMs.set(exchange, untilMs);
    this.#held.set(exchange, { untilMs, reason });
    exchange.waitIn(this);
    this.#timer ??= setInterval(() => this.#try(), TRY_EVERY_MS);
  }

  forget(exchange: Exchange): void {
    this.#held.delete(exchange);
  }

  #try(): void {
    const now = this.#clock();
    for (const [exchange, { untilMs, reason }] of [...this.#held]) {
      if (!this.#held.has(exchange)) continue;
      if (now >= untilMs) this.#onExpired(exchange, reason);
      // Where its owner is not there yet it is held once more.
      else exchange.proceed();
    }
    if (this.#held.size === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

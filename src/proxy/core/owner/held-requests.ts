import type { Exchange } from '../../http/exchange.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import { ClientShares } from './client-shares.ts';

/** How often it is tried whether the owner is there again. */
const TRY_EVERY_MS = 50;

/** Requests that wait for their owner to come back, each up to its time; so many, of which one client leaves some to the others. */
export class HeldRequests implements WaitingPlace {
  readonly #most: number;
  readonly #clock: () => number;
  readonly #onExpired: (exchange: Exchange, reason: string) => void;
  readonly #held = new Map<Exchange, { readonly untilMs: number; readonly reason: string }>();
  /** Until when one may wait that was tried and may come back. */
  readonly #untilMs = new WeakMap<Exchange, number>();
  readonly #shares = new ClientShares((visit) => {
    for (const exchange of this.#held.keys()) visit(exchange);
  });
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param most that may wait
   * @param onExpired an exchange has waited long enough
   */
  constructor(most: number, clock: () => number, onExpired: (exchange: Exchange, reason: string) => void) {
    this.#most = most;
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get count(): number {
    return this.#held.size;
  }

  /** Has an exchange wait. Its time runs from the first time that it is held. @returns false where there is no place for it */
  hold(exchange: Exchange, reason: string, waitMs: number): boolean {
    const nowMs = this.#clock();
    if (!this.#shares.admits(exchange, 1, this.count, this.#most, nowMs)) return false;
    const untilMs = this.#untilMs.get(exchange) ?? nowMs + waitMs;
    this.#untilMs.set(exchange, untilMs);
    this.#held.set(exchange, { untilMs, reason });
    exchange.waitIn(this);
    this.#timer ??= setInterval(() => this.#try(), TRY_EVERY_MS);
    return true;
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

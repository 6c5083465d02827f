import type { Exchange } from '../exchange.ts';

/** How often it is tried whether the owner is there again. */
const TRY_EVERY_MS = 50;

/** Requests that wait for their owner to come back, each up to its time. */
export class HeldRequests {
  readonly #clock: () => number;
  readonly #onTry: (exchange: Exchange) => void;
  readonly #onExpired: (exchange: Exchange, reason: string) => void;
  readonly #held = new Map<Exchange, { readonly untilMs: number; readonly reason: string }>();
  /** Until when one may wait that was tried and may come back. */
  readonly #untilMs = new WeakMap<Exchange, number>();
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param onTry sends an exchange's request if the owner is there again; else it is held once more
   * @param onExpired an exchange has waited long enough
   */
  constructor(
    clock: () => number,
    onTry: (exchange: Exchange) => void,
    onExpired: (exchange: Exchange, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#onTry = onTry;
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
    this.#timer ??= setInterval(() => this.#try(), TRY_EVERY_MS);
  }

  forget(exchange: Exchange): void {
    this.#held.delete(exchange);
  }

  #try(): void {
    const now = this.#clock();
    for (const [exchange, { untilMs, reason }] of [...this.#held]) {
      if (!this.#held.delete(exchange)) continue;
      if (now >= untilMs) this.#onExpired(exchange, reason);
      else this.#onTry(exchange);
    }
    if (this.#held.size === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

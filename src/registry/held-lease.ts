import type { LeaseId, Store } from './store/store.ts';

/** How often a lease is renewed within its length: one renewal may be lost without the lease being so. */
const RENEWALS_PER_LENGTH = 3;

/** A holder stops this share of the lease's length before it ends. */
const STOPS_BEFORE = 0.15;

/**
 * A lease that is renewed for as long as this process can. It is held until `lost` is aborted, or `isHeld` says no: by the
 * holder's own clock, and no later than the store lets it go.
 */
export class HeldLease {
  readonly id: LeaseId;
  readonly #store: Store;
  readonly lengthMs: number;
  readonly #clock: () => number;
  readonly #lost = new AbortController();
  /** Told whenever it lasts longer. */
  onExtended: (untilMs: number) => void = () => {};
  #untilMs: number;
  #timer: NodeJS.Timeout | undefined;

  private constructor(store: Store, id: LeaseId, lengthMs: number, sinceMs: number, clock: () => number) {
    this.#store = store;
    this.id = id;
    this.lengthMs = lengthMs;
    this.#clock = clock;
    this.#untilMs = sinceMs + lengthMs;
    this.#schedule(lengthMs / RENEWALS_PER_LENGTH);
    store.closed.addEventListener('abort', () => this.#end(), { once: true, signal: this.#lost.signal });
  }

  /** @param clock milliseconds of a monotonic clock. @throws StoreUnavailable */
  static async grant(store: Store, lengthMs: number, clock: () => number): Promise<HeldLease> {
    // Counted from before it was asked for: the store's own count begins later.
    const sinceMs = clock();
    return new HeldLease(store, await store.grantLease(lengthMs), lengthMs, sinceMs, clock);
  }

  get isHeld(): boolean {
    return !this.#lost.signal.aborted && this.#clock() < this.#untilMs;
  }

  /** When it ends by the holder's clock, unless it is renewed. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Until when its holder may act as such: clocks run apart, and what is in flight takes a while. */
  get actsUntilMs(): number {
    return this.#untilMs - STOPS_BEFORE * this.lengthMs;
  }

  /** Aborted once it is held no more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Gives it back: its entries go at once. Where the store cannot be reached they go with the lease's end. */
  async release(): Promise<void> {
    this.#end();
    await this.#store.revokeLease(this.id).catch(() => {});
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#lost.abort();
  }

  #schedule(inMs: number): void {
    const leftMs = this.#untilMs - this.#clock();
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, Math.min(inMs, leftMs)));
  }

  #renew(): void {
    const askedMs = this.#clock();
    if (askedMs >= this.#untilMs) {
      this.#end();
      return;
    }
    // An answer that never comes must not keep us from noticing that the lease has run out.
    this.#timer = setTimeout(() => this.#end(), this.#untilMs - askedMs);
    this.#store.renewLease(this.id).then(
      (renewed) => this.#onAnswer(askedMs, renewed),
      () => this.#onFailure(),
    );
  }

  #onAnswer(askedMs: number, renewed: boolean): void {
    if (this.#lost.signal.aborted) return;
    clearTimeout(this.#timer);
    if (!renewed) this.#end();
    else {
      this.#untilMs = askedMs + this.lengthMs;
      this.onExtended(this.#untilMs);
      this.#schedule(this.lengthMs / RENEWALS_PER_LENGTH);
    }
  }

  #onFailure(): void {
    if (this.#lost.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#schedule(this.lengthMs / RENEWALS_PER_LENGTH / 4);
  }
}

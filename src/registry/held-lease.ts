import type { LeaseId } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';

/** How long a lease is, and how its holder keeps to it. */
export interface LeaseTimes {
  /** How long the store keeps it without a renewal. */
  readonly lengthMs: number;
  /** It is renewed this often. */
  readonly renewMs: number;
  /** How long its holder trusts it without a renewal, by its own clock. */
  readonly livenessMs: number;
}

/** How often a lease is renewed within its length: one renewal may be lost without the lease being so. */
const RENEWALS_PER_LENGTH = 3;

/** A holder stops this share of the lease's length before it ends. */
const STOPS_BEFORE = 0.15;
/** What is in flight is cut this share of the lease's length before it ends: it had a while to finish. */
const CUTS_BEFORE = 0.05;

/**
 * A lease that is renewed for as long as this process can. It is held until `lost` is aborted, or `isHeld` says no: by the
 * holder's own clock, and no later than the store lets it go. What holds: code that acts until a time given here acts for
 * no longer than the others expect, also where the lease ends before its time. One that its holder gives back is over
 * before the store hears of it; one that the store has let go was held for certain only when it was last renewed.
 */
export class HeldLease {
  readonly id: LeaseId;
  readonly #store: TrackedStore;
  readonly #replaced: AbortSignal;
  readonly #times: LeaseTimes;
  readonly #clock: () => number;
  readonly #lost = new AbortController();
  /** Called whenever it lasts longer. */
  onExtended: (untilMs: number) => void = () => {};
  #untilMs: number;
  #timer: NodeJS.Timeout | undefined;

  private constructor(store: TrackedStore, id: LeaseId, times: LeaseTimes, sinceMs: number, clock: () => number) {
    this.#store = store;
    this.id = id;
    this.#times = times;
    this.#clock = clock;
    this.#untilMs = sinceMs + times.livenessMs;
    this.#schedule(times.renewMs);
    this.#replaced = store.replaced;
    this.#replaced.addEventListener('abort', this.#onReplaced);
    store.closed.addEventListener('abort', this.#onClosed);
  }

  /** The store that granted it is gone: its successor does not know it, and nothing may be done by it any more. */
  readonly #onReplaced = (): void => this.#end(Number.NEGATIVE_INFINITY);
  readonly #onClosed = (): void => this.#end(this.#clock());

  /**
   * @param length its holder keeps to all of it where only that is given
   * @param clock milliseconds of a monotonic clock
   * @throws StoreUnavailable
   */
  static async grant(store: TrackedStore, length: number | LeaseTimes, clock: () => number): Promise<HeldLease> {
    const times =
      typeof length === 'number'
        ? { lengthMs: length, renewMs: length / RENEWALS_PER_LENGTH, livenessMs: length }
        : length;
    // Counted from before it was asked for: the store's own count begins later.
    const sinceMs = clock();
    return new HeldLease(store, await store.grantLease(times.lengthMs), times, sinceMs, clock);
  }

  get lengthMs(): number {
    return this.#times.lengthMs;
  }

  get isHeld(): boolean {
    return !this.#lost.signal.aborted && this.#clock() < this.#untilMs;
  }

  /** When it ends by the holder's clock, unless it is renewed; or when it has ended. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Until when its holder may act as such: clocks run apart, and what is in flight takes a while. */
  get actsUntilMs(): number {
    return this.#untilMs - STOPS_BEFORE * this.lengthMs;
  }

  /** When what was begun under it, and has not ended, is cut. */
  get cutsAtMs(): number {
    return this.#untilMs - CUTS_BEFORE * this.lengthMs;
  }

  /** Aborted once it is held no more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Gives it back: its entries go at once. Where the store cannot be reached they go with the lease's end. */
  async release(): Promise<void> {
    this.#end(this.#clock());
    // Another store may have given its number to another process.
    if (!this.#replaced.aborted) await this.#store.revokeLease(this.id).catch(() => {});
  }

  /** @param atMs when it has ended at the latest */
  #end(atMs: number): void {
    clearTimeout(this.#timer);
    if (this.#lost.signal.aborted) return;
    this.#replaced.removeEventListener('abort', this.#onReplaced);
    this.#store.closed.removeEventListener('abort', this.#onClosed);
    this.#untilMs = Math.min(this.#untilMs, atMs);
    this.#lost.abort();
  }

  #schedule(inMs: number): void {
    const leftMs = this.#untilMs - this.#clock();
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, Math.min(inMs, leftMs)));
  }

  #renew(): void {
    const askedMs = this.#clock();
    if (askedMs >= this.#untilMs) {
      this.#end(this.#untilMs);
      return;
    }
    // An answer that never comes must not keep us from noticing that the lease has run out.
    this.#timer = setTimeout(() => this.#end(this.#untilMs), this.#untilMs - askedMs);
    this.#store.renewLease(this.id).then(
      (renewed) => this.#onAnswer(askedMs, renewed),
      () => this.#onFailure(),
    );
  }

  #onAnswer(askedMs: number, renewed: boolean): void {
    if (this.#lost.signal.aborted) return;
    clearTimeout(this.#timer);
    if (!renewed) this.#end(this.#untilMs - this.#times.livenessMs);
    else {
      this.#untilMs = askedMs + this.#times.livenessMs;
      this.onExtended(this.#untilMs);
      this.#schedule(this.#times.renewMs);
    }
  }

  #onFailure(): void {
    if (this.#lost.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#schedule(this.#times.renewMs / 4);
  }
}

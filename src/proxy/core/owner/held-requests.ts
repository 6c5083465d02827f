import type { WaitingPlace } from '../waiting-place.ts';
import { ClientShares } from './client-shares.ts';
import type { OutgoingRequest } from './outgoing-request.ts';

/** How often the router tries whether the owner is there again. */
const TRY_EVERY_MS = 50;

/**
 * Requests that wait for their owner to come back, each up to its time; limited in number, of which one client leaves
 * some.
 */
export class HeldRequests implements WaitingPlace<OutgoingRequest> {
  readonly #most: number;
  readonly #clock: () => number;
  readonly #onExpired: (request: OutgoingRequest, reason: string) => void;
  readonly #held = new Map<OutgoingRequest, { readonly untilMs: number; readonly reason: string }>();
  /** Until when a request may wait that was tried and may come back. */
  readonly #untilMs = new WeakMap<OutgoingRequest, number>();
  readonly #shares = new ClientShares((visit) => {
    for (const request of this.#held.keys()) visit(request);
  });
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param most that may wait
   * @param onExpired a request has waited long enough
   */
  constructor(most: number, clock: () => number, onExpired: (request: OutgoingRequest, reason: string) => void) {
    this.#most = most;
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get count(): number {
    return this.#held.size;
  }

  /** Has a request wait. Its time runs from the first time that it is held. @returns false where there is no place for it */
  hold(request: OutgoingRequest, reason: string, waitMs: number): boolean {
    const nowMs = this.#clock();
    if (!this.#shares.admits(request, 1, this.count, this.#most, nowMs)) return false;
    const untilMs = this.#untilMs.get(request) ?? nowMs + waitMs;
    this.#untilMs.set(request, untilMs);
    this.#held.set(request, { untilMs, reason });
    request.waitIn(this);
    this.#timer ??= setInterval(() => this.#try(), TRY_EVERY_MS);
    return true;
  }

  forget(request: OutgoingRequest): void {
    this.#held.delete(request);
  }

  #try(): void {
    const now = this.#clock();
    for (const [request, { untilMs, reason }] of [...this.#held]) {
      if (!this.#held.has(request)) continue;
      if (now >= untilMs) this.#onExpired(request, reason);
      // Where its owner is not there yet it is held once more.
      else request.proceed();
    }
    if (this.#held.size === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** How long a connection is kept without a request if its peer does not say how long it keeps it; most keep it for 5 s. */
const KEEP_IDLE_MS = 4000;
/** A peer's word is believed up to this, less what a request takes to reach it. */
const LONGEST_IDLE_MS = 600_000;
const TRAVEL_MS = 1000;

/** How long a connection may be kept without a request, and since when it has had none. */
export class IdleTime {
  #keepMs = KEEP_IDLE_MS;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** The peer says for how long it keeps the connection; 0: it does not. */
  onAnnounced(keepAliveMs: number): void {
    if (keepAliveMs > 0) this.#keepMs = Math.min(LONGEST_IDLE_MS, Math.max(0, keepAliveMs - TRAVEL_MS));
  }

  /** A request has ended. */
  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  isOver(nowMs: number): boolean {
    return nowMs - this.#sinceMs >= this.#keepMs;
  }
}

/** The longest time for which a backend serves without a word from its agent: what the others wait for where both are gone. */
export const MAX_GRANT_MS = 3000;
/** Clocks of two processes run apart by less than this share. */
const DRIFT = 0.02;

/**
 * For how long a backend may serve, told in its own clock. What holds: it never serves beyond what this says, whenever it reads what it was told. For its
 * own clock has been read between a call and its answer, so that a moment that is counted from the answer's arrival is never later there than
 * here; and a call that comes late names a moment, and not a length of time.
 */
export class Grant {
  readonly #lengthMs: number;
  #reading: { readonly clockMs: number; readonly atMs: number } | null = null;
  #untilMs = Number.NEGATIVE_INFINITY;

  /** @param lengthMs how long it may serve after it has last answered */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** The backend has answered. @param clockMs by its clock. @param atMs by ours, when the answer was here */
  onAnswer(clockMs: number, atMs: number): void {
    if (this.#reading === null || atMs > this.#reading.atMs) this.#reading = { clockMs, atMs };
  }

  /**
   * Lets it serve until a moment, or until it should have answered again.
   * @param untilMs by our clock. @returns by the backend's clock; 0: it may not serve
   */
  extend(untilMs: number, nowMs: number): number {
    if (this.#reading === null) return 0;
    const { clockMs, atMs } = this.#reading;
    const lastMs = Math.min(untilMs, atMs + this.#lengthMs);
    if (lastMs <= nowMs) return 0;
    this.#untilMs = Math.max(this.#untilMs, lastMs);
    return clockMs + (lastMs - atMs);
  }

  /** Whether it has answered within the time for which an answer counts. */
  isAnswered(nowMs: number): boolean {
    return this.#reading !== null && nowMs < this.#reading.atMs + this.#lengthMs;
  }

  /** Whether it has certainly stopped by itself. */
  isOver(nowMs: number): boolean {
    return nowMs >= this.overAtMs;
  }

  /** When it will have. */
  get overAtMs(): number {
    return this.#untilMs + this.#lengthMs * DRIFT;
  }

  /** It has said that it serves nothing any more. */
  onStopped(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}

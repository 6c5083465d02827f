/**
 * How long a client may send another request if its answer was already under way and could not say that the connection ends; that request
 * does (RFC 9112, 9.6): as long as most servers keep an idle connection, so that it is no surprise.
 */
const DEFAULT_GRACE_MS = 5000;
/** The same for one that has had its answer already: its next request may be under way, and a stop is not held up for more. */
const JUST_ANSWERED_MS = 1000;

/**
 * The orderly end of a connection: a client that has not been told may be sending another request, and is waited for.
 */
export class Farewell {
  /** The connection ends with the request that is under way, or with the next one. */
  isUnderWay = false;
  #mayAskUntilMs = Number.NEGATIVE_INFINITY;

  /** An answer is complete, and has not told its client that the connection ends. */
  onAnswered(nowMs: number): void {
    this.#mayAskUntilMs = nowMs + (this.isUnderWay ? DEFAULT_GRACE_MS : JUST_ANSWERED_MS);
  }

  /** The connection has to end, and no further request is expected. */
  isOver(nowMs: number): boolean {
    return this.isUnderWay && nowMs >= this.#mayAskUntilMs;
  }
}

import { type FloodCause, type HttpLimits, TokenBucket } from '../http/index.ts';

/** A peer's frame of a message earns it as many frames without one: a window update for the stream and the connection, a PING. */
const EARNED_BY_MESSAGE = 3;
/** To visit 16 streams is about as much work as to read a frame. */
const STREAMS_A_FRAME_BITS = 4;

/** What a budget asks of its connection. */
export interface BudgetedConnection {
  readonly isServer: boolean;
  /** Ends the connection because of a limit, and counts it. */
  flood(cause: FloodCause, reason: string): void;
}

/** What a peer may cost us beside its messages: frames that carry none, and streams that are reset. */
export class PeerBudget {
  readonly #connection: BudgetedConnection;
  readonly #resets: TokenBucket;
  readonly #controlFrames: TokenBucket;

  constructor(connection: BudgetedConnection, limits: HttpLimits, nowMs: number) {
    this.#connection = connection;
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, nowMs);
    this.#controlFrames = new TokenBucket(limits.controlFrameBurst, limits.controlFramesPerSecond, nowMs);
  }

  /** The peer has done something useful: what we sent will be answered by window updates, and that is no flood. */
  earn(): void {
    this.#controlFrames.earn(EARNED_BY_MESSAGE);
  }

  /** A client may reset streams, or have us reset them (CVE-2025-8671), only so often. @returns false where it was one too many */
  takeReset(nowMs: number): boolean {
    if (!this.#connection.isServer || this.#resets.take(nowMs)) return true;
    this.#connection.flood('resets', 'too many resets');
    return false;
  }

  /** A frame that concerns all open streams costs as many others as it is work. @returns the same */
  takeWalk(nowMs: number, streams: number): boolean {
    return this.takeControlFrame(nowMs, streams >> STREAMS_A_FRAME_BITS);
  }

  /** A frame that carries no message has to be earned by messages or by time. @returns the same */
  takeControlFrame(nowMs: number, frames = 1): boolean {
    if (this.#controlFrames.take(nowMs, frames)) return true;
    this.#connection.flood('control', 'too many control frames');
    return false;
  }
}

/** What one connection may ask of us. Each limit ends in ENHANCE_YOUR_CALM, with a counter (see `FloodCause`). */
export interface HttpLimits {
  /** Streams that a peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly maxConcurrentStreams: number;
  /** Bytes of a header list, counted as RFC 9113, 6.5.2 does. */
  readonly maxHeaderListBytes: number;
  /** CONTINUATION frames behind one HEADERS frame (the "CONTINUATION flood", CVE-2024-27316). */
  readonly maxContinuations: number;
  /** Bytes that a peer may send on a stream ahead of what the other side takes. */
  readonly streamWindowBytes: number;
  /** The same for a whole connection. It is credited on receipt, so that no stalled stream stops another. */
  readonly connectionWindowBytes: number;
  /** Streams that a peer may reset at once (the "rapid reset", CVE-2023-44487), and how many more it earns a second. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** PING, SETTINGS, PRIORITY, WINDOW_UPDATE and empty DATA frames that a peer may send without any message between. */
  readonly controlFrameBurst: number;
  readonly controlFramesPerSecond: number;
  /**
   * How long a client may take to say its preface and its SETTINGS, the head of an HTTP/1.1 request, or a frame or header block
   * of HTTP/2 that it has begun, whatever trickles in meanwhile ("slow loris"); a shard for the last of these.
   */
  readonly requestHeadTimeoutMs: number;
  /** How long output may wait for a peer's window without any progress. */
  readonly stalledWindowMs: number;
  /** Output that may wait in the kernel's stead for a peer that reads nothing while it makes us answer. */
  readonly maxUnsentBytes: number;
  /** Content and output that may wait for the peers of all connections of a thread together: see `Backlog`. */
  readonly maxBacklogBytes: number;
}

export const defaultLimits: HttpLimits = {
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 65536,
  maxContinuations: 16,
  streamWindowBytes: 262144,
  connectionWindowBytes: 16777216,
  resetBurst: 1000,
  resetsPerSecond: 200,
  controlFrameBurst: 10000,
  controlFramesPerSecond: 1000,
  requestHeadTimeoutMs: 10000,
  stalledWindowMs: 60000,
  maxUnsentBytes: 16777216,
  maxBacklogBytes: 268435456,
};

/** Why a peer was told to calm down. */
export const floodCauses = [
  'preface',
  'headers',
  'continuation',
  'resets',
  'control',
  'stalled',
  'unsent',
  'backlog',
  'slow',
] as const;
export type FloodCause = (typeof floodCauses)[number];

/** A bucket of permissions: `burst` at first, refilled at a steady rate, never above `burst`. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#filledAtMs = nowMs;
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
  }

  /** Takes one, or `count`; false where so many are not left. The clock is looked at only when the bucket seems empty. */
  take(nowMs: number, count = 1): boolean {
    if (this.#tokens >= count) {
      this.#tokens -= count;
      return true;
    }
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = nowMs;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Gives some back, for something useful that the peer did. */
  earn(count: number): void {
    if (this.#tokens < this.#burst) this.#tokens += count;
  }
}

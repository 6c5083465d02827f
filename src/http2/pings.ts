import type { FrameWriter } from './frame-writer.ts';

/** PINGs to be answered together; one more has them sent at once. */
const MAX_PENDING_PINGS = 4;
/** Marks our PING of a shutdown. */
const SHUTDOWN_PING = Buffer.from('shutdown', 'latin1');

/**
 * The PINGs of a connection: the peer's, which have to be answered, and our own, which show when a round trip is over.
 */
export class Pings {
  readonly #writer: FrameWriter;
  readonly #flushSoon: () => void;
  #pending: Uint8Array[] = [];
  #onRoundTrip: (() => void) | null = null;

  /** @param flushSoon has output written within moments */
  constructor(writer: FrameWriter, flushSoon: () => void) {
    this.#writer = writer;
    this.#flushSoon = flushSoon;
  }

  /** Answers a PING with the next output, or within moments: a write of its own for each would double the cost of a call. */
  acknowledge(payload: Uint8Array): void {
    this.#pending.push(payload);
    if (this.#pending.length >= MAX_PENDING_PINGS) this.flush();
    else if (this.#pending.length === 1) this.#flushSoon();
  }

  /** Writes the answers that are due. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const pings = this.#pending;
    this.#pending = [];
    for (const payload of pings) this.#writer.ping(payload, true);
  }

  /** Calls back once the peer has had all that was written before. */
  awaitRoundTrip(done: () => void): void {
    this.#writer.ping(SHUTDOWN_PING, false);
    this.#onRoundTrip = done;
  }

  get awaitsRoundTrip(): boolean {
    return this.#onRoundTrip !== null;
  }

  /** The peer has answered a PING of ours. */
  onAcknowledged(payload: Uint8Array): void {
    const done = this.#onRoundTrip;
    if (done === null || !SHUTDOWN_PING.equals(payload)) return;
    this.#onRoundTrip = null;
    done();
  }
}

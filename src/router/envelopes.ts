import type { Field } from '../http2/index.ts';

const HEADER_BYTES = 5;

/**
 * Follows messages in their envelopes (a byte of flags and four of length, as gRPC-Web and Connect have them), to know
 * whether an answer stands between two of them, where a last message may be put.
 */
export class EnvelopeTracker {
  readonly #base64: boolean;
  #header = 0;
  #length = 0;
  #remaining = 0;
  #quad = '';

  /** @param base64 the envelopes are coded so, as in gRPC-Web's text form */
  constructor(base64: boolean) {
    this.#base64 = base64;
  }

  get betweenMessages(): boolean {
    return this.#header === 0 && this.#remaining === 0 && this.#quad === '';
  }

  follow(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#base64) {
      this.#follow(bytes, start, end);
      return;
    }
    for (let at = start; at < end; at++) {
      this.#quad += String.fromCharCode(bytes[at] as number);
      if (this.#quad.length < 4) continue;
      const decoded = Buffer.from(this.#quad, 'base64');
      this.#quad = '';
      this.#follow(decoded, 0, decoded.length);
    }
  }

  #follow(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#remaining > 0) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        at = stop;
      } else {
        if (this.#header > 0) this.#length = this.#length * 256 + (bytes[at] as number);
        at++;
        if (++this.#header < HEADER_BYTES) continue;
        this.#remaining = this.#length;
        this.#header = 0;
        this.#length = 0;
      }
    }
  }
}

/**
 * The tracker that an answer needs; null where no message of ours can be put into it. Kept on the field: most need none.
 * @param translated gRPC's messages go to a client of gRPC-Web
 */
export function envelopeTrackerOf(contentType: Field, translated: boolean): EnvelopeTracker | null {
  if (contentType.memoScope !== memoScope) {
    contentType.memoScope = memoScope;
    contentType.memo = /^application\/(grpc-web|connect\+)/i.test(contentType.text);
  }
  if (contentType.memo !== true) return translated ? new EnvelopeTracker(false) : null;
  return new EnvelopeTracker(/^application\/grpc-web-text/i.test(contentType.text));
}

const memoScope = {};

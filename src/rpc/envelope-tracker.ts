import { ENVELOPE_BYTES } from './envelope.ts';

/** Follows messages as their bytes come. */
export interface MessageTracker {
  readonly betweenMessages: boolean;
  /** @returns where the first boundary between two messages is behind which nothing has begun; -1 where there is none */
  follow(bytes: Uint8Array, start: number, end: number): number;
}

/**
 * Follows messages in their envelopes (a byte of flags and four of length, as gRPC-Web and Connect have them), to know
 * whether an answer stands between two of them, where a last message may be put.
 */
export class EnvelopeTracker implements MessageTracker {
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

  follow(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#base64) return this.#follow(bytes, start, end);
    let boundary = -1;
    for (let at = start; at < end; at++) {
      this.#quad += String.fromCharCode(bytes[at] as number);
      if (this.#quad.length < 4) continue;
      const decoded = Buffer.from(this.#quad, 'base64');
      this.#quad = '';
      this.#follow(decoded, 0, decoded.length);
      if (boundary < 0 && this.betweenMessages) boundary = at + 1;
    }
    return boundary;
  }

  #follow(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let boundary = -1;
    while (at < end) {
      if (this.#remaining > 0) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        at = stop;
      } else {
        if (this.#header > 0) this.#length = this.#length * 256 + (bytes[at] as number);
        at++;
        if (++this.#header < ENVELOPE_BYTES) continue;
        this.#remaining = this.#length;
        this.#header = 0;
        this.#length = 0;
      }
      if (boundary < 0 && this.#remaining === 0) boundary = at;
    }
    return boundary;
  }
}

/** Whether bytes[start, end) are whole messages in their envelopes, one after the other. */
export function areWholeMessages(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at + ENVELOPE_BYTES <= end) {
    const length =
      (bytes[at + 1] as number) * 0x1000000 +
      (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number));
    at += ENVELOPE_BYTES + length;
  }
  return at === end;
}

/** How an answer's messages stand in its content. */
export type Envelopes = 'none' | 'binary' | 'base64';

/** Recognised by an answer's content-type. @param contentType in lower case */
export function envelopesIn(contentType: string): Envelopes {
  if (contentType.startsWith('application/grpc-web-text')) return 'base64';
  return /^application\/(grpc|connect\+)/.test(contentType) ? 'binary' : 'none';
}

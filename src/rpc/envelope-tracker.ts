import { ENVELOPE_BYTES } from './envelope.ts';
import { HeadedTracker } from './message-tracker.ts';

/**
 * Follows messages in their envelopes (a byte of flags and four of length, as gRPC-Web and Connect have them), to know
 * whether an answer stands between two of them, where a last message may be put.
 */
export class EnvelopeTracker extends HeadedTracker {
  readonly #base64: boolean;
  #length = 0;
  #quad = '';

  /** @param base64 the envelopes are coded so, as in gRPC-Web's text form */
  constructor(base64: boolean) {
    super();
    this.#base64 = base64;
  }

  override get betweenMessages(): boolean {
    return super.betweenMessages && this.#quad === '';
  }

  override follow(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#base64) return super.follow(bytes, start, end);
    let boundary = -1;
    for (let at = start; at < end; at++) {
      this.#quad += String.fromCharCode(bytes[at] as number);
      if (this.#quad.length < 4) continue;
      const decoded = Buffer.from(this.#quad, 'base64');
      this.#quad = '';
      super.follow(decoded, 0, decoded.length);
      if (boundary < 0 && this.betweenMessages) boundary = at + 1;
    }
    return boundary;
  }

  protected override onHeadByte(byte: number, index: number): number {
    this.#length = index === 0 ? 0 : this.#length * 256 + byte;
    return index + 1 < ENVELOPE_BYTES ? -1 : this.#length;
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

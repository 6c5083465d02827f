import { ENVELOPE_BYTES, enveloped } from './envelope.ts';

const COMPRESSED = 0x01;
/** A longer message is not looked into. */
const LONGEST_MESSAGE_BYTES = 4 * 1024 * 1024;
/** A message that does not come whole has this much room at first; it doubles, up to the message. */
const FIRST_ROOM_BYTES = 1024;

const NOTHING = new Uint8Array(0);

/** Cuts content into its messages, which stand in envelopes: a byte of flags and four of length (gRPC, gRPC-Web, Connect). */
export class MessageReader {
  readonly #onMessage: (message: Uint8Array) => void;
  /** What has come of a message that is not all there, with its envelope: each byte is copied about twice, however it is cut. */
  #carry: Uint8Array = NOTHING;
  #carried = 0;

  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  /** Bytes that wait for the rest of their message. */
  get carriedBytes(): number {
    return this.#carried;
  }

  /** @throws Error where a message is compressed, or too long */
  read(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#carried > 0) at = this.#complete(bytes, at, end);
      else {
        const length = lengthAt(bytes, at, end);
        if (length < 0 || end - at < ENVELOPE_BYTES + length) {
          this.#carryOver(bytes, at, end, ENVELOPE_BYTES + Math.max(0, length));
          return;
        }
        this.#deliver(bytes, at, length);
        at += ENVELOPE_BYTES + length;
      }
    }
  }

  /** Adds to the message that is carried what belongs to it. @returns where the next one begins */
  #complete(bytes: Uint8Array, start: number, end: number): number {
    const headerEnd = Math.min(end, start + Math.max(0, ENVELOPE_BYTES - this.#carried));
    this.#carryOver(bytes, start, headerEnd, FIRST_ROOM_BYTES);
    const length = lengthAt(this.#carry, 0, this.#carried);
    if (length < 0) return headerEnd;
    const stop = Math.min(end, headerEnd + ENVELOPE_BYTES + length - this.#carried);
    this.#carryOver(bytes, headerEnd, stop, ENVELOPE_BYTES + length);
    if (this.#carried === ENVELOPE_BYTES + length) {
      const carry = this.#carry;
      this.clear();
      this.#deliver(carry, 0, length);
    }
    return stop;
  }

  /** @param most what the message takes with its envelope, as far as that is known */
  #carryOver(bytes: Uint8Array, start: number, end: number, most: number): void {
    const needed = this.#carried + end - start;
    if (needed > this.#carry.length) {
      const room = Math.max(FIRST_ROOM_BYTES, 2 * this.#carry.length);
      const larger = new Uint8Array(Math.max(needed, Math.min(most, room)));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried);
    this.#carried = needed;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#carry = NOTHING;
    this.#carried = 0;
  }

  #deliver(bytes: Uint8Array, at: number, length: number): void {
    // Trailers of gRPC-Web, and the end of a Connect stream, are messages of their protocols.
    if ((bytes[at] as number) === 0) this.#onMessage(bytes.subarray(at + ENVELOPE_BYTES, at + ENVELOPE_BYTES + length));
  }

  /** The same content with each message rewritten. */
  rewrite(content: Uint8Array, change: (message: Uint8Array) => Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = 0;
    while (at < content.length) {
      const length = lengthAt(content, at, content.length);
      const end = at + ENVELOPE_BYTES + length;
      if (length < 0 || end > content.length) throw new Error('the request ends inside a message');
      const changed = change(content.subarray(at + ENVELOPE_BYTES, end));
      parts.push(enveloped(changed));
      at = end;
    }
    return Buffer.concat(parts);
  }
}

/** The length of the message whose envelope begins at `at`; -1 where that is not all there. @throws Error where it cannot be read */
function lengthAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < ENVELOPE_BYTES) return -1;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 1);
  if (((bytes[at] as number) & COMPRESSED) !== 0) throw new Error('a compressed message');
  if (length > LONGEST_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`);
  return length;
}

const HEADER_BYTES = 5;
const COMPRESSED = 0x01;
/** A longer message is not looked into. */
const LONGEST_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Cuts content into its messages, which stand in envelopes: a byte of flags and four of length (gRPC, gRPC-Web, Connect). */
export class MessageReader {
  readonly #onMessage: (message: Uint8Array) => void;
  #carried: Uint8Array = new Uint8Array(0);

  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws Error where a message is compressed, or too long */
  read(bytes: Uint8Array, start: number, end: number): void {
    const part = bytes.subarray(start, end);
    const whole = this.#carried.length === 0 ? part : Buffer.concat([this.#carried, part]);
    let at = 0;
    for (;;) {
      const message = messageAt(whole, at);
      if (message === null) break;
      // Trailers of gRPC-Web, and the end of a Connect stream, are messages of their protocols.
      if ((whole[at] as number) === 0) this.#onMessage(message);
      at += HEADER_BYTES + message.length;
    }
    this.#carried = new Uint8Array(whole.subarray(at));
  }

  /** The same content with each message rewritten. */
  rewrite(content: Uint8Array, change: (message: Uint8Array) => Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = 0;
    while (at < content.length) {
      const message = messageAt(content, at);
      if (message === null) throw new Error('the request ends inside a message');
      const changed = change(message);
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32BE(changed.length, 1);
      parts.push(header, changed);
      at += HEADER_BYTES + message.length;
    }
    return Buffer.concat(parts);
  }
}

/** The message whose envelope begins at `at`; null where it is not all there. @throws Error where it cannot be read */
function messageAt(bytes: Uint8Array, at: number): Uint8Array | null {
  if (bytes.length - at < HEADER_BYTES) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 1);
  if (((bytes[at] as number) & COMPRESSED) !== 0) throw new Error('a compressed message');
  if (length > LONGEST_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`);
  return bytes.length - at < HEADER_BYTES + length
    ? null
    : bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
}

import { ENVELOPE_BYTES } from './envelope.ts';

/** A longer message is taken for a fault of framing. */
const MAX_BYTES = 64 << 20;

/** Puts messages together again, as their bytes come. */
export class EnvelopeReader {
  readonly #onMessage: (flags: number, message: Uint8Array) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(onMessage: (flags: number, message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws Error where the bytes are no messages */
  take(bytes: Uint8Array, start: number, end: number): void {
    const more = bytes.subarray(start, end);
    let all =
      this.#held.length === 0
        ? Buffer.from(more.buffer, more.byteOffset, more.length)
        : Buffer.concat([this.#held, more]);
    while (all.length >= ENVELOPE_BYTES) {
      const length = all.readUInt32BE(1);
      if (length > MAX_BYTES) throw new Error(`a message of ${length} bytes`);
      if (all.length < ENVELOPE_BYTES + length) break;
      this.#onMessage(all[0] as number, all.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + length));
      all = all.subarray(ENVELOPE_BYTES + length);
    }
    // What was read lies in a buffer that is used again.
    this.#held = Buffer.from(all);
  }
}

/** The same for text: a message a line, as NDJSON and server-sent events have it. */
export class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #held = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const lines = (this.#held + this.#decoder.decode(bytes.subarray(start, end), { stream: true })).split('\n');
    this.#held = lines.pop() ?? '';
    if (this.#held.length > MAX_BYTES) throw new Error('a line without an end');
    for (const line of lines) this.#deliver(line);
  }

  /** The last one may lack its end. */
  end(): void {
    this.#deliver(this.#held);
    this.#held = '';
  }

  #deliver(line: string): void {
    const text = line.replace(/^data:/, '').trim();
    // Of server-sent events these are no data.
    if (text !== '' && !/^(:|event:|id:|retry:)/.test(text)) this.#onLine(text);
  }
}

import type { HeaderBlock } from '../http/index.ts';
import { copyInto, type Output } from '../io/index.ts';
import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE, writeFrameHeader, writeUint32 } from './frames.ts';
import { HpackEncoder, SIZE_UPDATE_BYTES } from './hpack/index.ts';
import { settingsPayload } from './settings.ts';

/** Writes frames into a connection's output. It knows no stream's state. */
export class FrameWriter {
  readonly #output: Output;
  readonly encoder = new HpackEncoder();

  constructor(output: Output) {
    this.#output = output;
  }

  /** A header block as HEADERS, and CONTINUATION where the peer's frame size asks for it. */
  headers(id: number, block: HeaderBlock, endStream: boolean, maxFrameSize: number): void {
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + block.wireBound + SIZE_UPDATE_BYTES);
    const { bytes } = output;
    const start = output.length + FRAME_HEADER_BYTES;
    const end = this.encoder.encode(block, bytes, start);
    const flags = endStream ? Flag.EndStream : 0;
    if (end - start <= maxFrameSize) {
      writeFrameHeader(bytes, output.length, end - start, FrameType.Headers, flags | Flag.EndHeaders, id);
      output.length = end;
    } else this.#splitHeaders(id, new Uint8Array(bytes.subarray(start, end)), flags, maxFrameSize);
  }

  #splitHeaders(id: number, block: Uint8Array, flags: number, maxFrameSize: number): void {
    for (let at = 0; at < block.length; at += maxFrameSize) {
      const part = block.subarray(at, at + maxFrameSize);
      const last = at + maxFrameSize >= block.length ? Flag.EndHeaders : 0;
      if (at === 0) this.#frame(FrameType.Headers, flags | last, id, part);
      else this.#frame(FrameType.Continuation, last, id, part);
    }
  }

  /** One DATA frame. */
  data(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const output = this.#output;
    const length = end - start;
    output.reserve(FRAME_HEADER_BYTES + length);
    const at = writeFrameHeader(
      output.bytes,
      output.length,
      length,
      FrameType.Data,
      endStream ? Flag.EndStream : 0,
      id,
    );
    copyInto(output.bytes, at, bytes, start, end);
    output.length = at + length;
  }

  reset(id: number, code: number): void {
    this.#frameOfWords(FrameType.RstStream, id, code);
  }

  windowUpdate(id: number, increment: number): void {
    this.#frameOfWords(FrameType.WindowUpdate, id, increment);
  }

  settings(entries: ReadonlyArray<readonly [id: number, value: number]>): void {
    this.#frame(FrameType.Settings, 0, 0, settingsPayload(entries));
  }

  settingsAck(): void {
    this.#frame(FrameType.Settings, Flag.Ack, 0, NOTHING);
  }

  ping(payload: Uint8Array, acknowledges: boolean): void {
    this.#frame(FrameType.Ping, acknowledges ? Flag.Ack : 0, 0, payload);
  }

  /** @param reason debug data, for the peer's log; it names no more than the peer's own doing */
  goaway(lastStreamId: number, code: number, reason: string): void {
    const text = Buffer.from(reason, 'utf8');
    const payload = new Uint8Array(8 + text.length);
    writeUint32(payload, 0, lastStreamId);
    writeUint32(payload, 4, code);
    payload.set(text, 8);
    this.#frame(FrameType.Goaway, 0, 0, payload);
  }

  preface(): void {
    this.#output.append(PREFACE, 0, PREFACE.length);
  }

  #frameOfWords(type: number, id: number, word: number): void {
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + 4);
    writeFrameHeader(output.bytes, output.length, 4, type, 0, id);
    output.length = writeUint32(output.bytes, output.length + FRAME_HEADER_BYTES, word);
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + payload.length);
    const at = writeFrameHeader(output.bytes, output.length, payload.length, type, flags, id);
    output.bytes.set(payload, at);
    output.length = at + payload.length;
  }
}

const NOTHING = new Uint8Array(0);

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { defaultLimits } from '../http/limits.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameType, PREFACE, writeFrameHeader } from './frames.ts';

/** Writes down what it is told; content is joined, because a reader may hand it on in parts. */
class Recorder implements FrameSink {
  readonly events: string[] = [];
  #content: number[] = [];
  #flow = 0;
  onDataFrame(id: number, flow: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (flow > 0 || end === start) this.#flushContent(id);
    this.#flow += flow;
    this.#content.push(...bytes.subarray(start, end));
    if (endStream) {
      this.#flushContent(id);
      this.events.push(`end ${id}`);
    }
  }
  #flushContent(id: number): void {
    if (this.#flow > 0) this.events.push(`data ${id} ${this.#flow} ${this.#content.join()}`);
    this.#content = [];
    this.#flow = 0;
  }
  onHeaderBlock(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.events.push(`headers ${id} ${bytes.subarray(start, end).join()} ${endStream}`);
  }
  onReset(id: number, code: number): void {
    this.events.push(`reset ${id} ${code}`);
  }
  onSettings(bytes: Uint8Array, start: number, end: number): void {
    this.events.push(`settings ${bytes.subarray(start, end).join()}`);
  }
  onSettingsAck(): void {
    this.events.push('settings ack');
  }
  onPing(bytes: Uint8Array, start: number): void {
    this.events.push(`ping ${bytes.subarray(start, start + 8).join()}`);
  }
  onPingAck(): void {
    this.events.push('ping ack');
  }
  onGoaway(last: number, code: number): void {
    this.events.push(`goaway ${last} ${code}`);
  }
  onWindowUpdate(id: number, increment: number): void {
    this.events.push(`window ${id} ${increment}`);
  }
  onPriority(): void {
    this.events.push('priority');
  }
  onStreamError(id: number, code: number): void {
    this.events.push(`stream error ${id} ${code}`);
  }
  onConnectionError(code: number): void {
    this.events.push(`connection error ${code}`);
  }
  onContinuationFlood(): void {
    this.events.push('continuation flood');
  }
  onPreface(): void {
    this.events.push('preface');
  }
  onWrongPreface(): void {
    this.events.push('wrong preface');
  }
}

function frame(type: number, flags: number, id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, id);
  bytes.set(payload, 9);
  return bytes;
}

const frames = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.uint8Array({ maxLength: 300 }), fc.boolean())
    .map(([id, payload, end]) => frame(FrameType.Data, end ? 1 : 0, id, payload)),
  fc
    .tuple(fc.integer({ min: 0, max: 11 }), fc.nat({ max: 255 }), fc.nat({ max: 5 }), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload)),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((payload) => frame(FrameType.Ping, 0, 0, payload)),
);

/** Reads `bytes` in pieces of the given sizes, each in a buffer that is overwritten afterwards, as a socket's is. */
function read(bytes: Uint8Array, sizes: readonly number[]): string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, defaultLimits, true, { nowMs: 0 });
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] as number);
    const piece = new Uint8Array(bytes.subarray(at, at + size));
    reader.receive(piece, 0, piece.length);
    piece.fill(0xee);
    at += size;
  }
  return recorder.events;
}

const settings = frame(FrameType.Settings, 0, 0, new Uint8Array(0));

it('reads the same frames, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(frames, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 }),
      (list, sizes) => {
        const bytes = Buffer.concat([PREFACE, settings, ...list]);
        expect(read(bytes, sizes)).toEqual(read(bytes, []));
      },
    ),
    { numRuns: 1000 },
  );
});

it('survives any bytes, and reads no more after an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      const events = read(Buffer.concat([PREFACE, settings, noise]), []);
      const error = events.findIndex((event) => /connection error|flood/.test(event));
      if (error >= 0) expect(error).toBe(events.length - 1);
    }),
    { numRuns: 2000 },
  );
});

it('assembles a header block from its parts, without padding and priority', () => {
  const headers = frame(FrameType.Headers, 0x8 | 0x20, 1, Uint8Array.from([2, 0, 0, 0, 0, 7, 1, 2, 3, 0, 0]));
  const middle = frame(FrameType.Continuation, 0, 1, Uint8Array.from([4]));
  const last = frame(FrameType.Continuation, 4, 1, Uint8Array.from([5, 6]));
  const bytes = Buffer.concat([PREFACE, settings, headers, middle, last]);
  expect(read(bytes, [])).toEqual(['preface', 'settings ', 'headers 1 1,2,3,4,5,6 false']);
});

it('knows another protocol by its first bytes', () => {
  expect(read(Buffer.from('GET / HTTP/1.1\r\n\r\n'), [1])).toEqual(['wrong preface']);
});

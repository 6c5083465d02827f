import { ErrorCode, type HttpLimits } from '../http/index.ts';
import {
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  MINIMUM_FRAME_SIZE,
  PREFACE,
  readUint24,
  readUint31,
  readUint32,
} from './frames.ts';
import { SETTINGS_ENTRY_BYTES } from './settings.ts';

/** The frames of a connection, once their form was found right. All bytes are valid during the call only. */
export interface FrameSink {
  /** Content. `flowLength` is what the frame counts for flow control, padding included; 0 for a frame's later parts. */
  onDataFrame(id: number, flowLength: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** A complete header block, put together from HEADERS and CONTINUATION. */
  onHeaderBlock(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  onReset(id: number, code: number): void;
  onSettings(bytes: Uint8Array, start: number, end: number): void;
  onSettingsAck(): void;
  onPing(bytes: Uint8Array, start: number): void;
  onPingAck(bytes: Uint8Array, start: number): void;
  onGoaway(lastStreamId: number, code: number): void;
  onWindowUpdate(id: number, increment: number): void;
  /** PRIORITY means nothing to us (RFC 9113, 5.3.2), but costs the peer's allowance. */
  onPriority(): void;
  /** The frame concerns one stream only, and is wrong: reset that. */
  onStreamError(id: number, code: number): void;
  onConnectionError(code: number, reason: string): void;
  /** More CONTINUATION frames or header bytes than allowed. */
  onContinuationFlood(): void;
  /** The peer has said the connection preface (servers only). */
  onPreface(): void;
  /** The peer does not speak HTTP/2. */
  onWrongPreface(): void;
}

/** A coded header block may be this much larger than the list limit before it is given up unread (HPACK expands, rarely shrinks). */
const BLOCK_OVERHEAD_BYTES = 16384;
const PRIORITY_BYTES = 5;
const PING_BYTES = 8;
const EMPTY = new Uint8Array(0);

/** Cuts a connection's bytes into frames and checks their form (RFC 9113, 4 and 6). It knows no stream's state. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #turn: { readonly nowMs: number };
  readonly #maxContinuations: number;
  readonly #maxBlockBytes: number;
  // The start of a frame whose rest has not come yet.
  #carry: Uint8Array = EMPTY;
  #carried = 0;
  #carriedSinceMs = 0;
  // A DATA frame of which a part has been handed on.
  #dataId = 0;
  #dataRemaining = 0;
  #dataEndsStream = false;
  // A header block that waits for its CONTINUATION.
  #blockId = 0;
  #blockEndsStream = false;
  #block: Uint8Array = EMPTY;
  #blockLength = 0;
  #blockSinceMs = 0;
  #continuations = 0;
  #prefaceRemaining: number;
  #settingsSeen = false;
  #stopped = false;

  constructor(sink: FrameSink, limits: HttpLimits, expectPreface: boolean, turn: { readonly nowMs: number }) {
    this.#sink = sink;
    this.#turn = turn;
    this.#maxContinuations = limits.maxContinuations;
    this.#maxBlockBytes = limits.maxHeaderListBytes + BLOCK_OVERHEAD_BYTES;
    this.#prefaceRemaining = expectPreface ? PREFACE.length : 0;
  }

  /** Reads no more: the connection has failed. */
  stop(): void {
    this.#stopped = true;
    this.#carry = EMPTY;
    this.#carried = 0;
    this.#block = EMPTY;
  }

  /**
   * Since when a header block, or a frame that is no content, has been waiting for its rest, in the turn's time; infinite where
   * none does.
   */
  get unfinishedSinceMs(): number {
    if (this.#blockId > 0) return this.#blockSinceMs;
    const isFrame = this.#carried > 0 && (this.#carried < FRAME_HEADER_BYTES || this.#carry[3] !== FrameType.Data);
    return isFrame ? this.#carriedSinceMs : Number.POSITIVE_INFINITY;
  }

  /** Takes bytes[start, end) as they came from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#stopped) return;
    let at = start;
    if (this.#prefaceRemaining > 0) at = this.#readPreface(bytes, at, end);
    if (this.#dataRemaining > 0 && at < end) at = this.#readRestOfData(bytes, at, end);
    if (this.#carried > 0 && at < end) at = this.#completeCarried(bytes, at, end);
    while (!this.#stopped && end - at >= FRAME_HEADER_BYTES) {
      const length = readUint24(bytes, at);
      const type = bytes[at + 3] as number;
      const flags = bytes[at + 4] as number;
      if (!this.#mayFollow(type, flags, length, bytes, at)) return;
      const next = at + FRAME_HEADER_BYTES + length;
      if (next > end) {
        if (type !== FrameType.Data || (flags & Flag.Padded) !== 0) break;
        this.#beginData(length, flags, bytes, at, end);
        return;
      }
      this.#readFrame(type, flags, readUint31(bytes, at + 5), bytes, at + FRAME_HEADER_BYTES, next);
      at = next;
    }
    if (!this.#stopped && at < end) this.#carryOver(bytes, at, end);
  }

  #readPreface(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (this.#prefaceRemaining > 0 && at < end) {
      if (bytes[at] !== PREFACE[PREFACE.length - this.#prefaceRemaining]) {
        this.stop();
        this.#sink.onWrongPreface();
        return end;
      }
      at++;
      this.#prefaceRemaining--;
    }
    if (this.#prefaceRemaining === 0) this.#sink.onPreface();
    return at;
  }

  /** What may come now, whatever the frame says: the first one is SETTINGS, and nothing stands between the parts of a header block. */
  #mayFollow(type: number, flags: number, length: number, bytes: Uint8Array, at: number): boolean {
    if (!this.#settingsSeen) {
      if (type !== FrameType.Settings || (flags & Flag.Ack) !== 0)
        return this.#fail(ErrorCode.ProtocolError, 'it does not speak HTTP/2: the first frame is not SETTINGS');
      this.#settingsSeen = true;
    }
    if (length > MINIMUM_FRAME_SIZE) return this.#fail(ErrorCode.FrameSizeError, `a frame of ${length} bytes`);
    if (this.#blockId > 0 && (type !== FrameType.Continuation || readUint31(bytes, at + 5) !== this.#blockId))
      return this.#fail(ErrorCode.ProtocolError, 'a frame inside a header block');
    return true;
  }

  #fail(code: number, reason: string): false {
    this.stop();
    this.#sink.onConnectionError(code, reason);
    return false;
  }

  #beginData(length: number, flags: number, bytes: Uint8Array, at: number, end: number): void {
    this.#dataId = readUint31(bytes, at + 5);
    const start = at + FRAME_HEADER_BYTES;
    this.#dataRemaining = length - (end - start);
    this.#dataEndsStream = (flags & Flag.EndStream) !== 0;
    if (this.#dataId === 0) this.#fail(ErrorCode.ProtocolError, 'DATA on stream 0');
    else this.#sink.onDataFrame(this.#dataId, length, bytes, start, end, false);
  }

  #readRestOfData(bytes: Uint8Array, start: number, end: number): number {
    const stop = Math.min(end, start + this.#dataRemaining);
    this.#dataRemaining -= stop - start;
    const ends = this.#dataEndsStream && this.#dataRemaining === 0;
    this.#sink.onDataFrame(this.#dataId, 0, bytes, start, stop, ends);
    return stop;
  }

  #carryOver(bytes: Uint8Array, at: number, end: number): void {
    const count = end - at;
    this.#grow(count, this.#carriedFrameBytes(bytes, at, count));
    this.#carry.set(bytes.subarray(at, end), 0);
    this.#carried = count;
    this.#carriedSinceMs = this.#turn.nowMs;
  }

  /** The whole frame's bytes, where its header has come; else the header's. */
  #carriedFrameBytes(bytes: Uint8Array, at: number, count: number): number {
    if (count < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
    return FRAME_HEADER_BYTES + readUint24(bytes, at);
  }

  /** Makes room for `size` bytes of a frame of `frameBytes`: what it says that it is long costs nothing before it has come. */
  #grow(size: number, frameBytes: number): void {
    if (this.#carry.length >= size) return;
    const larger = new Uint8Array(Math.min(frameBytes, Math.max(size, 2 * this.#carry.length)));
    larger.set(this.#carry.subarray(0, this.#carried));
    this.#carry = larger;
  }

  /** Adds to the carried start of a frame; reads it once it is whole. Answers how far the bytes were used. */
  #completeCarried(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (;;) {
      const wanted = this.#carriedFrameBytes(this.#carry, 0, this.#carried);
      const isData = this.#carried >= FRAME_HEADER_BYTES && this.#carry[3] === FrameType.Data;
      if (this.#carried >= FRAME_HEADER_BYTES) {
        const flags = this.#carry[4] as number;
        if (!this.#mayFollow(this.#carry[3] as number, flags, wanted - FRAME_HEADER_BYTES, this.#carry, 0)) return end;
        if (isData && (flags & Flag.Padded) === 0 && wanted > this.#carried + (end - at)) {
          const length = wanted - FRAME_HEADER_BYTES;
          const carried = this.#carried;
          this.#carried = 0;
          this.#beginData(length, flags, this.#carry, 0, carried);
          return this.#stopped || at >= end ? end : this.#readRestOfData(bytes, at, end);
        }
      }
      const count = Math.min(wanted - this.#carried, end - at);
      this.#grow(this.#carried + count, wanted);
      this.#carry.set(bytes.subarray(at, at + count), this.#carried);
      this.#carried += count;
      at += count;
      if (this.#carried < wanted) return at;
      if (wanted > FRAME_HEADER_BYTES || this.#carriedFrameBytes(this.#carry, 0, this.#carried) === wanted) break;
    }
    return this.#readCarried(at, end);
  }

  #readCarried(at: number, end: number): number {
    const carry = this.#carry;
    const length = this.#carried;
    this.#carried = 0;
    // A large one is not kept: a connection that waits costs little.
    if (carry.length > 1024) this.#carry = EMPTY;
    if (!this.#mayFollow(carry[3] as number, carry[4] as number, length - FRAME_HEADER_BYTES, carry, 0)) return end;
    this.#readFrame(carry[3] as number, carry[4] as number, readUint31(carry, 5), carry, FRAME_HEADER_BYTES, length);
    return at;
  }

  #readFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case FrameType.Data:
        this.#readData(flags, id, bytes, start, end);
        return;
      case FrameType.Headers:
        this.#readHeaders(flags, id, bytes, start, end);
        return;
      case FrameType.Continuation:
        this.#readContinuation(flags, bytes, start, end);
        return;
      case FrameType.WindowUpdate:
        if (end - start !== 4) this.#fail(ErrorCode.FrameSizeError, 'WINDOW_UPDATE of a wrong length');
        else this.#sink.onWindowUpdate(id, readUint31(bytes, start));
        return;
      case FrameType.RstStream:
        if (id === 0) this.#fail(ErrorCode.ProtocolError, 'RST_STREAM on stream 0');
        else if (end - start !== 4) this.#fail(ErrorCode.FrameSizeError, 'RST_STREAM of a wrong length');
        else this.#sink.onReset(id, readUint32(bytes, start));
        return;
      case FrameType.Priority:
        this.#readPriority(id, bytes, start, end);
        return;
      case FrameType.PushPromise:
        this.#fail(ErrorCode.ProtocolError, 'PUSH_PROMISE where push is not enabled');
        return;
      case FrameType.Settings:
      case FrameType.Ping:
      case FrameType.Goaway:
        this.#readConnectionFrame(type, flags, id, bytes, start, end);
        return;
      default: // Unknown frames have to be ignored (RFC 9113, 4.1).
    }
  }

  #readConnectionFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const acknowledges = (flags & Flag.Ack) !== 0;
    if (id !== 0) {
      this.#fail(ErrorCode.ProtocolError, 'a connection frame on a stream');
    } else if (type === FrameType.Settings) {
      if (acknowledges ? length !== 0 : length % SETTINGS_ENTRY_BYTES !== 0)
        this.#fail(ErrorCode.FrameSizeError, 'SETTINGS of a wrong length');
      else if (acknowledges) this.#sink.onSettingsAck();
      else this.#sink.onSettings(bytes, start, end);
    } else if (type === FrameType.Ping) {
      if (length !== PING_BYTES) this.#fail(ErrorCode.FrameSizeError, 'PING of a wrong length');
      else if (acknowledges) this.#sink.onPingAck(bytes, start);
      else this.#sink.onPing(bytes, start);
    } else if (length < 8) this.#fail(ErrorCode.FrameSizeError, 'GOAWAY of a wrong length');
    else this.#sink.onGoaway(readUint31(bytes, start), readUint32(bytes, start + 4));
  }

  #readData(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) {
      this.#fail(ErrorCode.ProtocolError, 'DATA on stream 0');
      return;
    }
    let contentStart = start;
    let contentEnd = end;
    if ((flags & Flag.Padded) !== 0) {
      const padding = start < end ? (bytes[start] as number) : 0;
      contentStart = start + 1;
      contentEnd = end - padding;
      if (contentEnd < contentStart) {
        this.#fail(ErrorCode.ProtocolError, 'more padding than frame');
        return;
      }
    }
    this.#sink.onDataFrame(id, end - start, bytes, contentStart, contentEnd, (flags & Flag.EndStream) !== 0);
  }

  #readHeaders(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) {
      this.#fail(ErrorCode.ProtocolError, 'HEADERS on stream 0');
      return;
    }
    let at = start;
    let stop = end;
    if ((flags & Flag.Padded) !== 0) stop -= start < end ? (bytes[at++] as number) : end - start + 1;
    let dependency = 0;
    if ((flags & Flag.Priority) !== 0) {
      dependency = stop - at >= PRIORITY_BYTES ? readUint31(bytes, at) : 0;
      at += PRIORITY_BYTES;
    }
    if (at > stop) {
      this.#fail(ErrorCode.ProtocolError, 'HEADERS shorter than its padding or priority');
      return;
    }
    if (dependency === id) {
      // The block has still to be decoded; a connection error is the simpler of the two that RFC 7540, 5.3.1 allows.
      this.#fail(ErrorCode.ProtocolError, 'a stream that depends on itself');
      return;
    }
    const endStream = (flags & Flag.EndStream) !== 0;
    if ((flags & Flag.EndHeaders) !== 0) this.#sink.onHeaderBlock(id, bytes, at, stop, endStream);
    else {
      this.#blockId = id;
      this.#blockEndsStream = endStream;
      this.#block = new Uint8Array(bytes.subarray(at, stop));
      this.#blockLength = stop - at;
      this.#blockSinceMs = this.#turn.nowMs;
      this.#continuations = 0;
    }
  }

  #readContinuation(flags: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#blockId === 0) {
      this.#fail(ErrorCode.ProtocolError, 'CONTINUATION without HEADERS');
      return;
    }
    const length = this.#blockLength + (end - start);
    if (++this.#continuations > this.#maxContinuations || length > this.#maxBlockBytes) {
      this.stop();
      this.#sink.onContinuationFlood();
      return;
    }
    if (length > this.#block.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.#block.subarray(0, this.#blockLength));
      this.#block = larger;
    }
    this.#block.set(bytes.subarray(start, end), this.#blockLength);
    this.#blockLength = length;
    if ((flags & Flag.EndHeaders) === 0) return;
    const id = this.#blockId;
    const block = this.#block;
    this.#blockId = 0;
    this.#block = EMPTY;
    this.#sink.onHeaderBlock(id, block, 0, length, this.#blockEndsStream);
  }

  #readPriority(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) this.#fail(ErrorCode.ProtocolError, 'PRIORITY on stream 0');
    else if (end - start !== PRIORITY_BYTES) this.#sink.onStreamError(id, ErrorCode.FrameSizeError);
    else if (readUint31(bytes, start) === id) this.#sink.onStreamError(id, ErrorCode.ProtocolError);
    else this.#sink.onPriority();
  }
}

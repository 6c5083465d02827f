import { Buffer } from 'node:buffer';
import { ReplyScanner } from './reply-scanner.ts';
import { MALFORMED, ReplyType } from './reply-type.ts';
import type { RespFault } from './request-reader.ts';

/** A server's replies, in their order. All bytes are valid during the call only. */
export interface ReplySink {
  /**
   * A whole reply, bytes[start, end), with the attributes before it. Errors come whole, up to 64 KB.
   * @param type its first byte (`ReplyType`); a push message is no answer to a command
   */
  onReply(bytes: Uint8Array, start: number, end: number, type: number): void;
  /** A part of a reply that is large, and did not come in one read. */
  onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void;
  /** The reader has stopped. */
  onFault(fault: RespFault): void;
}

/** A reply no larger than this is kept until it is whole, so that it is reported in one piece. */
const WHOLE_BYTES = 4096;
/** The same for errors, and for attributes, which stand before what they are about: they have to be understood. */
const WHOLE_ERROR_BYTES = 65536;
const NOTHING = Buffer.alloc(0);

/** Cuts what a server sends into replies. Large ones are passed on as they come. */
export class ReplyReader {
  readonly #sink: ReplySink;
  readonly #scanner = new ReplyScanner();
  /** The beginning of a reply whose rest has not come, in bytes [0, #length). */
  #kept: Buffer = NOTHING;
  #length = 0;
  /** A part of the reply under way has been reported. */
  #isInParts = false;
  #isStopped = false;

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** A reply has begun, and its rest has not come. */
  get isMidReply(): boolean {
    return this.#scanner.isMidReply;
  }

  /** Reports nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#kept = NOTHING;
    this.#length = 0;
  }

  /** Takes bytes[start, end) as they came from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const scanner = this.#scanner;
    let at = start;
    while (at < end && !this.#isStopped) {
      const next = scanner.scan(bytes, at, end);
      if (next === MALFORMED) {
        this.stop();
        this.#sink.onFault({ message: scanner.fault });
      } else if (next < 0) {
        this.#takeBeginning(bytes, at, end);
        return;
      } else {
        this.#takeEnd(bytes, at, next);
        at = next;
      }
    }
  }

  #takeEnd(bytes: Uint8Array, start: number, end: number): void {
    const { type } = this.#scanner;
    if (this.#isInParts) {
      this.#isInParts = false;
      this.#sink.onReplyPart(bytes, start, end, type, true);
    } else if (this.#length === 0) this.#sink.onReply(bytes, start, end, type);
    else {
      this.#keep(bytes, start, end);
      const kept = this.#kept;
      const length = this.#length;
      this.#kept = NOTHING;
      this.#length = 0;
      this.#sink.onReply(kept, 0, length, type);
    }
  }

  #takeBeginning(bytes: Uint8Array, start: number, end: number): void {
    const { type, missing } = this.#scanner;
    const mustBeWhole = type === 0 || type === ReplyType.Error || type === ReplyType.BulkError;
    const size = this.#length + (end - start) + missing;
    if (!this.#isInParts && size <= (mustBeWhole ? WHOLE_ERROR_BYTES : WHOLE_BYTES)) {
      this.#keep(bytes, start, end);
      return;
    }
    if (this.#length > 0) {
      const kept = this.#kept;
      const length = this.#length;
      this.#kept = NOTHING;
      this.#length = 0;
      this.#sink.onReplyPart(kept, 0, length, type, false);
      if (this.#isStopped) return;
    }
    this.#isInParts = true;
    this.#sink.onReplyPart(bytes, start, end, type, false);
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const wanted = this.#length + (end - start);
    if (wanted > this.#kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#kept.length));
      this.#kept.copy(larger, 0, 0, this.#length);
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(start, end), this.#length);
    this.#length = wanted;
  }
}

import { LengthLine, STREAMED } from './length-line.ts';
import { CR, INCOMPLETE, LF, MALFORMED, ReplyType, ZERO } from './reply-type.ts';

/** Streamed aggregates inside each other; no server sends any, and each costs a place to remember. */
const MAX_STREAMED_DEPTH = 32;
/** Elements that are still to come; beyond this, numbers are not exact. Redis's own arrays have at most 2^32 elements. */
const MAX_PENDING = 2 ** 48;
/** A line that holds a length and is no longer is nonsense. */
const MAX_LENGTH_BYTES = 32;

const Phase = { Begin: 0, Value: 1, Text: 2, Length: 3, Content: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * Finds where the replies of a server end, in however many pieces they come, without a value being built: so they can be passed
 * on as they are. All types of RESP2 and RESP3, streamed ones too. It counts the elements that are still to come, so that however
 * deep a reply is nested, it costs no memory.
 */
export class ReplyScanner {
  /** The first byte of the reply under way, or of the one that was read last, behind its attributes; 0 while it has not come. */
  type = 0;
  /** Bytes that are sure to come before anything else, of a string that is under way. */
  missing = 0;
  /** How the bytes break the protocol. */
  fault = '';
  readonly #line = new LengthLine();
  #phase: Phase = Phase.Begin;
  /** Values that are still to come: the reply itself, and the elements of aggregates in it. Inside a streamed one: 0 between two elements. */
  #pending = 0;
  /** What is pending around streamed aggregates that have not ended. */
  #around: number[] = [];
  /** The kind of the value whose line is being read. */
  #kind = 0;
  /** The bytes of the string under way that have not come, its CR LF included. */
  #rest = 0;
  /** The last byte of a line that came in pieces was its CR. */
  #hasCr = false;
  #isStreamedString = false;

  /** A reply has begun, and its rest has not come. */
  get isMidReply(): boolean {
    return this.#phase !== Phase.Begin;
  }

  /**
   * Reads on. Each call has bytes that no call had before.
   * @returns the place behind the reply; INCOMPLETE where all bytes belong to it and more are to come; MALFORMED
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return INCOMPLETE;
    if (this.#phase === Phase.Begin) {
      this.type = 0;
      this.#pending = 1;
      this.#phase = Phase.Value;
    }
    this.missing = 0;
    let at = start;
    while (this.#pending > 0 || this.#around.length > 0) {
      if (this.#phase === Phase.Value) {
        if (at === end) return INCOMPLETE;
        at = this.#readValue(bytes, at, end);
      } else if (this.#phase === Phase.Text) at = this.#readText(bytes, at, end);
      else if (this.#phase === Phase.Length) at = this.#readLength(bytes, at, end);
      else at = this.#readContent(bytes, at, end);
      if (at < 0) return at;
    }
    this.#phase = Phase.Begin;
    return at;
  }

  /** Forgets a reply that is incomplete. */
  reset(): void {
    this.#phase = Phase.Begin;
    this.#around.length = 0;
    this.#isStreamedString = false;
    this.type = 0;
    this.missing = 0;
  }

  #readValue(bytes: Uint8Array, at: number, end: number): number {
    const kind = bytes[at] as number;
    if (this.#isStreamedString !== (kind === ReplyType.Piece)) return this.#fail('a streamed string', kind);
    if (this.#pending === 0) {
      // Between two elements of a streamed aggregate.
      if (kind !== ReplyType.End) this.#pending = 1;
    } else if (kind === ReplyType.End) return this.#fail('the end of a streamed aggregate', kind);
    if (this.type === 0 && kind !== ReplyType.Attribute && this.#pending === 1 && this.#around.length === 0)
      this.type = kind;
    this.#kind = kind;
    switch (kind) {
      case ReplyType.Bulk:
      case ReplyType.Array:
      case ReplyType.BulkError:
      case ReplyType.Verbatim:
      case ReplyType.Map:
      case ReplyType.Set:
      case ReplyType.Push:
      case ReplyType.Attribute:
      case ReplyType.Piece:
        return this.#beginLength(bytes, at + 1, end);
      case ReplyType.Simple:
      case ReplyType.Error:
      case ReplyType.Integer:
      case ReplyType.Null:
      case ReplyType.Boolean:
      case ReplyType.Double:
      case ReplyType.BigNumber:
      case ReplyType.End:
        this.#phase = Phase.Text;
        this.#hasCr = false;
        return this.#readText(bytes, at + 1, end);
      default:
        return this.#fail('the beginning of a value', kind);
    }
  }

  #beginLength(bytes: Uint8Array, start: number, end: number): number {
    // Short lengths that are here are read at once.
    let value = (bytes[start] as number) - ZERO;
    if (value >= 0 && value <= 9) {
      let cr = start + 1;
      if (value > 0) {
        for (let digit = (bytes[cr] as number) - ZERO; digit >= 0 && digit <= 9 && cr < start + 9; ) {
          value = value * 10 + digit;
          digit = (bytes[++cr] as number) - ZERO;
        }
      }
      if (cr + 2 <= end && bytes[cr] === CR && bytes[cr + 1] === LF) return this.#takeLength(value, cr + 2);
    }
    this.#phase = Phase.Length;
    this.#line.begin();
    return this.#readLength(bytes, start, end);
  }

  #readLength(bytes: Uint8Array, start: number, end: number): number {
    const at = this.#line.read(bytes, start, end);
    if (at === MALFORMED || this.#line.size > MAX_LENGTH_BYTES) return this.#fail('a length', this.#kind);
    return at === INCOMPLETE ? INCOMPLETE : this.#takeLength(this.#line.value, at);
  }

  /** A length has been read up to `at`. */
  #takeLength(value: number, at: number): number {
    const kind = this.#kind;
    const isString =
      kind === ReplyType.Bulk ||
      kind === ReplyType.BulkError ||
      kind === ReplyType.Verbatim ||
      kind === ReplyType.Piece;
    if (value === STREAMED) return this.#beginStreamed(isString, at);
    if (value >= 0) return isString ? this.#beginContent(value, at) : this.#beginElements(value, at);
    // RESP2's nulls.
    if (value !== -1 || (kind !== ReplyType.Bulk && kind !== ReplyType.Array)) return this.#fail('a length', kind);
    return this.#completeValue(at);
  }

  #beginStreamed(isString: boolean, at: number): number {
    if (isString && this.#kind !== ReplyType.Bulk) return this.#fail('a length', this.#kind);
    if (isString) this.#isStreamedString = true;
    else {
      if (this.#around.length === MAX_STREAMED_DEPTH) return this.#fail('too many streamed aggregates', this.#kind);
      // An attribute is followed by the value that it is about.
      this.#around.push(this.#kind === ReplyType.Attribute ? this.#pending : this.#pending - 1);
      this.#pending = 0;
    }
    this.#phase = Phase.Value;
    return at;
  }

  #beginContent(length: number, at: number): number {
    if (this.#kind === ReplyType.Piece && length === 0) {
      this.#isStreamedString = false;
      return this.#completeValue(at);
    }
    this.#rest = length + 2;
    this.#phase = Phase.Content;
    return at;
  }

  #beginElements(count: number, at: number): number {
    const kind = this.#kind;
    const elements = kind === ReplyType.Map || kind === ReplyType.Attribute ? 2 * count : count;
    this.#pending += kind === ReplyType.Attribute ? elements : elements - 1;
    if (this.#pending > MAX_PENDING) return this.#fail('too many elements', kind);
    this.#phase = Phase.Value;
    return at;
  }

  #completeValue(at: number): number {
    this.#pending--;
    this.#phase = Phase.Value;
    return at;
  }

  #readContent(bytes: Uint8Array, start: number, end: number): number {
    const here = end - start;
    const rest = this.#rest;
    if (rest >= 2 && here >= rest - 1 && bytes[start + rest - 2] !== CR) return this.#fail('a string', this.#kind);
    if (here < rest) {
      this.#rest = rest - here;
      this.missing = this.#rest;
      return INCOMPLETE;
    }
    const at = start + rest;
    if (bytes[at - 1] !== LF) return this.#fail('a string', this.#kind);
    if (this.#kind !== ReplyType.Piece) return this.#completeValue(at);
    this.#phase = Phase.Value;
    return at;
  }

  /** Reads on to the end of a line that is a value itself. */
  #readText(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      if (bytes[at] !== LF) continue;
      const hasCr = at > start ? bytes[at - 1] === CR : this.#hasCr;
      if (!hasCr) return this.#fail('a line', this.#kind);
      if (this.#kind !== ReplyType.End) return this.#completeValue(at + 1);
      this.#pending = this.#around.pop() as number;
      this.#phase = Phase.Value;
      return at + 1;
    }
    if (end > start) this.#hasCr = bytes[end - 1] === CR;
    return INCOMPLETE;
  }

  #fail(where: string, byte: number): number {
    this.fault = `the server's reply breaks its protocol in ${where}, at '${String.fromCharCode(byte)}'`;
    return MALFORMED;
  }
}

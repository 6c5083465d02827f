import { Command } from './command.ts';
import { splitInline } from './inline-command.ts';
import { LengthLine } from './length-line.ts';
import { CR, INCOMPLETE, LF, MALFORMED, ReplyType, ZERO } from './reply-type.ts';
import { arrayHeadBytes, bulkHeadBytes, encodeCommand } from './write.ts';

/** What a client may send. */
export interface CommandLimits {
  /** Arguments of a command. */
  readonly maxArguments: number;
  /** Bytes of an argument (Redis's `proto-max-bulk-len`). */
  readonly maxBulkBytes: number;
  /** Bytes of an inline command, and of a line that holds a length. */
  readonly maxInlineBytes: number;
}

/** What Redis takes from a client that still has to authenticate (`authRequired` in its networking.c). */
const MAX_UNAUTHENTICATED_ARGUMENTS = 10;
const MAX_UNAUTHENTICATED_BYTES = 16384;
/** `$0\r\n\r\n`, the shortest argument. */
const SHORTEST_ARGUMENT = 6;
/** Places behind a `$` that nine digits and their CR fit in: enough for every length that is read at once. */
const LENGTH_DIGITS = 10;

const Phase = { Begin: 0, Count: 1, Mark: 2, Length: 3, Content: 4, Inline: 5 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * Finds a client's commands in its bytes: arrays of bulk strings, and inline commands. It copies nothing: the places of a command's
 * arguments are numbers in the caller's buffer.
 *
 * It is stricter than Redis in one thing: a line ends in CR LF, and so does an argument. Redis skips those two bytes without
 * looking at them. A router's clients share connections to servers, and no client may make the two disagree about where a command ends.
 */
export class CommandScanner {
  readonly command = new Command();
  /** While false, Redis's limits for clients that have not authenticated hold. */
  isAuthenticated = true;
  /** While incomplete: bytes that are sure to come, of the argument that is under way. */
  missing = 0;
  /** Why the bytes are no command: a whole error, in Redis's words. The connection cannot continue behind it. */
  fault = '';
  readonly #limits: CommandLimits;
  readonly #line = new LengthLine();
  #phase: Phase = Phase.Begin;
  /** Bytes of the command that have been read. */
  #seen = 0;
  /** Bytes of the argument under way that have not come, its CR LF included. */
  #rest = 0;
  /** The bytes that were read before are gone: places have no meaning. */
  #isSkipping = false;

  constructor(limits: CommandLimits) {
    this.#limits = limits;
  }

  /** A command has begun, and its rest has not come. */
  get isMidCommand(): boolean {
    return this.#phase !== Phase.Begin;
  }

  /**
   * Reads the command that begins at bytes[start]. After INCOMPLETE it is called again with the same command from its first
   * byte and more bytes behind it; the buffer and the start may be others. No byte is read twice.
   * @returns where the command ends; INCOMPLETE; or MALFORMED, after which `fault` says why. An empty line, and an array without
   * elements, are commands of no arguments, which have no answer.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const { command } = this;
    if (this.#phase === Phase.Begin) {
      if (start >= end) return INCOMPLETE;
      this.#begin(bytes, start, end);
    } else if (start !== command.start || bytes !== command.bytes) command.rebase(bytes, start);
    if (this.#phase === Phase.Inline) return this.#readInline(bytes, start, end);
    const at = this.#advance(bytes, start + this.#seen, end);
    if (at >= 0) command.end = at;
    else {
      this.#seen = end - start;
      command.end = end;
    }
    return at;
  }

  /**
   * Reads on behind INCOMPLETE where the caller has passed on what was read so far, and keeps none of it: bytes[start, end) is what
   * follows. The places of arguments mean nothing from then on. Not for inline commands, which are short.
   * @returns as `scan`
   */
  skip(bytes: Uint8Array, start: number, end: number): number {
    this.#isSkipping = true;
    return this.#advance(bytes, start, end);
  }

  #begin(bytes: Uint8Array, start: number, end: number): void {
    const { command } = this;
    command.clear();
    command.bytes = bytes;
    command.start = start;
    this.missing = 0;
    this.#isSkipping = false;
    if (bytes[start] !== ReplyType.Array) {
      this.#seen = 0;
      this.#phase = Phase.Inline;
      command.isInline = true;
      return;
    }
    const digit = (bytes[start + 1] as number) - ZERO;
    const isShort = digit > 0 && digit <= 9 && digit <= this.#limits.maxArguments;
    if (isShort && start + 4 <= end && bytes[start + 2] === CR && bytes[start + 3] === LF) {
      command.total = digit;
      this.#seen = 4;
      this.#phase = Phase.Mark;
    } else {
      this.#seen = 1;
      this.#phase = Phase.Count;
      this.#line.begin();
    }
  }

  /** Reads on at `from`, whatever is under way. */
  #advance(bytes: Uint8Array, from: number, end: number): number {
    const { command } = this;
    let at = from;
    this.missing = 0;
    if (this.#phase === Phase.Count) {
      at = this.#readCount(bytes, at, end);
      if (at < 0 || command.total === 0) return at;
    }
    for (;;) {
      if (this.#phase === Phase.Mark) {
        at = this.#readWhole(bytes, at, end);
        if (command.count === command.total) break;
        if (at === end) return INCOMPLETE;
        at = this.#readMark(bytes, at);
        if (at < 0) return at;
      }
      if (this.#phase === Phase.Length) {
        at = this.#readLength(bytes, at, end);
        if (at < 0) return at;
      }
      at = this.#readContent(bytes, at, end);
      if (at < 0) return at;
      if (command.count === command.total) break;
    }
    this.#phase = Phase.Begin;
    return at;
  }

  #readCount(bytes: Uint8Array, start: number, end: number): number {
    const line = this.#line;
    const at = line.read(bytes, start, end);
    if (at < 0) return this.#lineFault(at, 'too big mbulk count string', 'invalid multibulk length');
    const count = line.value;
    if (!(count <= this.#limits.maxArguments)) return this.#fail('invalid multibulk length');
    if (count > MAX_UNAUTHENTICATED_ARGUMENTS && !this.isAuthenticated)
      return this.#fail('unauthenticated multibulk length');
    this.command.total = Math.max(0, count);
    this.#phase = count > 0 ? Phase.Mark : Phase.Begin;
    return at;
  }

  #readMark(bytes: Uint8Array, at: number): number {
    const mark = bytes[at] as number;
    if (mark !== ReplyType.Bulk) return this.#fail(`expected '$', got '${String.fromCharCode(mark)}'`);
    this.#phase = Phase.Length;
    this.#line.begin();
    return at + 1;
  }

  #readLength(bytes: Uint8Array, start: number, end: number): number {
    const line = this.#line;
    const at = line.read(bytes, start, end);
    if (at < 0) return this.#lineFault(at, 'too big bulk count string', 'invalid bulk length');
    const length = line.value;
    if (!(length >= 0 && length <= this.#limits.maxBulkBytes)) return this.#fail('invalid bulk length');
    if (length > MAX_UNAUTHENTICATED_BYTES && !this.isAuthenticated) return this.#fail('unauthenticated bulk length');
    this.#rest = length + 2;
    this.#phase = Phase.Content;
    if (!this.#isSkipping) this.#placeStart(at);
    return at;
  }

  #lineFault(cause: number, tooLong: string, invalid: string): number {
    if (cause === MALFORMED) return this.#fail(invalid);
    return this.#line.size > this.#limits.maxInlineBytes ? this.#fail(tooLong) : INCOMPLETE;
  }

  #placeStart(at: number): void {
    const { command } = this;
    if (command.count === command.starts.length) command.grow();
    command.starts[command.count] = at;
  }

  /** Reads the rest of one argument's content. */
  #readContent(bytes: Uint8Array, start: number, end: number): number {
    const here = end - start;
    const rest = this.#rest;
    // The CR and the LF may come apart.
    if (rest >= 2 && here >= rest - 1 && bytes[start + rest - 2] !== CR) return this.#fail('invalid bulk length');
    if (here < rest) {
      this.#rest = rest - here;
      this.missing = this.#rest;
      return INCOMPLETE;
    }
    const at = start + rest;
    if (bytes[at - 1] !== LF) return this.#fail('invalid bulk length');
    const { command } = this;
    if (!this.#isSkipping) command.ends[command.count] = at - 2;
    command.count++;
    this.#phase = Phase.Mark;
    return at;
  }

  /** Reads as many arguments as are whole and in order; others are left to the slower way, which can wait and knows all faults. */
  #readWhole(bytes: Uint8Array, start: number, end: number): number {
    const { command } = this;
    const { total } = command;
    const most = this.isAuthenticated ? this.#limits.maxBulkBytes : MAX_UNAUTHENTICATED_BYTES;
    const isSkipping = this.#isSkipping;
    let { count } = command;
    let at = start;
    while (count < total && end - at >= SHORTEST_ARGUMENT && bytes[at] === ReplyType.Bulk) {
      let length = (bytes[at + 1] as number) - ZERO;
      if (!(length >= 0 && length <= 9)) break;
      let cr = at + 2;
      // Whatever stands behind `end` may be read here, and is found to be too much below.
      if (length > 0) {
        const stop = at + LENGTH_DIGITS;
        for (let digit = (bytes[cr] as number) - ZERO; digit >= 0 && digit <= 9 && cr < stop; ) {
          length = length * 10 + digit;
          digit = (bytes[++cr] as number) - ZERO;
        }
      }
      const argumentStart = cr + 2;
      const argumentEnd = argumentStart + length;
      if (argumentEnd + 2 > end || length > most) break;
      if (bytes[cr] !== CR || bytes[cr + 1] !== LF || bytes[argumentEnd] !== CR || bytes[argumentEnd + 1] !== LF) break;
      if (!isSkipping) {
        if (count === command.starts.length) command.grow();
        command.starts[count] = argumentStart;
        command.ends[count] = argumentEnd;
      }
      count++;
      at = argumentEnd + 2;
    }
    command.count = count;
    return at;
  }

  #readInline(bytes: Uint8Array, start: number, end: number): number {
    const lineFeed = bytes.indexOf(LF, start + this.#seen);
    if (lineFeed < 0 || lineFeed >= end) {
      this.#seen = end - start;
      return this.#seen > this.#limits.maxInlineBytes ? this.#fail('too big inline request') : INCOMPLETE;
    }
    const lineEnd = lineFeed > start && bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
    const words = splitInline(bytes, start, lineEnd);
    if (words === null) return this.#fail('unbalanced quotes in request');
    this.#phase = Phase.Begin;
    this.#takeWords(words);
    return lineFeed + 1;
  }

  /** Has the places stand in the same command as an array. */
  #takeWords(words: readonly Uint8Array[]): void {
    const { command } = this;
    const bytes = encodeCommand(words);
    command.bytes = bytes;
    command.start = 0;
    command.end = bytes.length;
    command.total = words.length;
    let at = arrayHeadBytes(words.length);
    for (const word of words) {
      at += bulkHeadBytes(word.length);
      this.#placeStart(at);
      at += word.length;
      command.ends[command.count++] = at;
      at += 2;
    }
  }

  #fail(what: string): number {
    this.fault = `ERR Protocol error: ${what}`;
    return MALFORMED;
  }
}

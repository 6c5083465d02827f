import { Buffer } from 'node:buffer';
import type { Command } from './command.ts';
import { type CommandLimits, CommandScanner } from './command-scanner.ts';
import { INCOMPLETE, MALFORMED } from './reply-type.ts';

/** What is wrong with a peer's bytes; its connection cannot continue. */
export interface RespFault {
  /** For clients a whole error, in Redis's own words. */
  readonly message: string;
}

export interface RequestLimits extends CommandLimits {
  /** A command larger than this, and not all here, need not be kept until it is: see `RequestSink.onLargeCommand`. */
  readonly wholeBytes: number;
  /** The largest command that is kept until it is whole. */
  readonly maxCollectedBytes: number;
}

/** Redis's own limits by default (`proto-max-bulk-len`, `client-query-buffer-limit` and those of its source), as far as nothing else is said. */
export const REDIS_LIMITS: RequestLimits = {
  // Redis's limit until version 6.2. Later ones take any number, which would hold up the other clients of a thread.
  maxArguments: 1024 * 1024,
  maxBulkBytes: 512 * 1024 * 1024,
  maxInlineBytes: 64 * 1024,
  // As much as one read brings: below it nothing is gained by passing a command on in pieces.
  wholeBytes: 64 * 1024,
  maxCollectedBytes: 1024 * 1024 * 1024,
};

/** What becomes of a large command: its bytes are passed on as they come, or kept until it is whole. */
export type LargeCommandFate = 'stream' | 'collect';

/** A client's commands, in their order. All bytes, and the command, are valid during the call only. */
export interface RequestSink {
  /** A whole command, of at least one argument. */
  onCommand(command: Command): void;
  /**
   * A large command has begun. `command` has the arguments that are complete, and the bytes so far. Where it is to be streamed, the sink
   * takes those bytes now, and the rest by `onContent`.
   */
  onLargeCommand(command: Command): LargeCommandFate;
  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void;
  /** A command is larger than may be kept. The reader has stopped. */
  onTooLarge(): void;
  /** The reader has stopped. Redis answers with the fault and closes the connection. */
  onFault(fault: RespFault): void;
}

/** Bytes that are added at first to a command whose rest came in a later read: most need no more. */
const FIRST_PIECE_BYTES = 256;
const SMALLEST_KEPT_BYTES = 256;
const NOTHING = Buffer.alloc(0);

type Mode = 'whole' | LargeCommandFate;

/** Cuts what a client sends into commands, and keeps what is incomplete until its rest comes. */
export class RequestReader {
  readonly #sink: RequestSink;
  readonly #limits: RequestLimits;
  readonly #scanner: CommandScanner;
  /** What is done with the command that is under way. */
  #mode: Mode = 'whole';
  #isPaused = false;
  #isStopped = false;
  #isReading = false;
  /** The beginning of a command, or what came during a pause: bytes [#from, #to) of it. */
  #kept: Buffer = NOTHING;
  #from = 0;
  #to = 0;

  constructor(sink: RequestSink, limits: RequestLimits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#scanner = new CommandScanner(limits);
  }

  /** Redis's limits for clients that have not authenticated hold. */
  get unauthenticated(): boolean {
    return !this.#scanner.isAuthenticated;
  }

  set unauthenticated(is: boolean) {
    this.#scanner.isAuthenticated = !is;
  }

  /** A command has begun, and its rest has not come. */
  get isMidCommand(): boolean {
    return this.#scanner.isMidCommand;
  }

  /** A large command has begun (`RequestSink.onLargeCommand`), and its rest has not come. */
  get isMidLargeCommand(): boolean {
    return this.#mode !== 'whole';
  }

  /** What the beginning of a command, and what came during a pause, take in memory. */
  get keptBytes(): number {
    return this.#kept.length;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Reports nothing more until `resume`, also from inside a report. What comes meanwhile is kept: the caller reads no more from the socket. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Reports what was kept, before it returns, unless it is called from inside a report. */
  resume(): void {
    this.#isPaused = false;
    if (!this.#isReading && this.#to > this.#from) this.#readKept();
  }

  /** Reports nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#letGo();
  }

  /** Takes bytes[start, end) as they came from the socket. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isStopped || start >= end) return;
    if (this.#isPaused) {
      this.#keep(bytes, start, end);
      return;
    }
    this.#isReading = true;
    let at = this.#to > this.#from ? this.#complete(bytes, start, end) : start;
    if (at < end) at = this.#read(bytes, at, end);
    // What is left is the beginning of a command, or came behind what the sink paused at.
    if (at < end) this.#keep(bytes, at, end);
    this.#isReading = false;
  }

  /** Reports what is whole in bytes[start, end). @returns up to where */
  #read(bytes: Uint8Array, start: number, end: number): number {
    const scanner = this.#scanner;
    let at = start;
    while (at < end && !this.#isPaused && !this.#isStopped) {
      if (this.#mode === 'stream') {
        at = this.#readOn(bytes, at, end);
        continue;
      }
      const next = scanner.scan(bytes, at, end);
      if (next >= 0) {
        at = next;
        this.#mode = 'whole';
        if (scanner.command.count > 0) this.#sink.onCommand(scanner.command);
      } else if (next === MALFORMED) return this.#fail(end);
      else if (!this.#takeBeginning(end - at)) return at;
      else at = end;
    }
    return this.#isStopped ? end : at;
  }

  /** A command is incomplete. @returns whether its bytes so far need not be kept */
  #takeBeginning(bytes: number): boolean {
    const size = bytes + this.#scanner.missing;
    const { command } = this.#scanner;
    if (this.#mode === 'whole') {
      if (size <= this.#limits.wholeBytes || command.isInline) return false;
      this.#mode = this.#sink.onLargeCommand(command);
    }
    if (this.#isStopped || this.#mode !== 'collect') return true;
    if (size <= this.#limits.maxCollectedBytes) return false;
    this.stop();
    this.#sink.onTooLarge();
    return true;
  }

  /** Reads on in a command that is passed on as it comes. */
  #readOn(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#scanner.skip(bytes, start, end);
    if (next === MALFORMED) return this.#fail(end);
    const isLast = next !== INCOMPLETE;
    const at = isLast ? next : end;
    if (isLast) this.#mode = 'whole';
    this.#sink.onContent(bytes, start, at, isLast);
    return at;
  }

  #fail(end: number): number {
    const message = this.#scanner.fault;
    this.stop();
    this.#sink.onFault({ message });
    return end;
  }

  /**
   * Adds to what is kept no more than the command needs that begins in it, and reads on behind that command in the bytes themselves.
   * @returns up to where they were used
   */
  #complete(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let piece = FIRST_PIECE_BYTES;
    while (at < end && !this.#isPaused && !this.#isStopped && this.#to > this.#from) {
      const upTo = Math.min(end, at + Math.max(this.#scanner.missing, piece));
      this.#keep(bytes, at, upTo);
      at = upTo;
      piece *= 2;
      const keptTo = this.#to;
      this.#from = this.#read(this.#kept, this.#from, keptTo);
      // Once the command has ended, what is left behind it stands in the bytes too.
      const left = keptTo - this.#from;
      if (left > upTo - start) continue;
      at -= left;
      this.#letGo();
    }
    return this.#isStopped ? end : at;
  }

  #readKept(): void {
    this.#isReading = true;
    this.#from = this.#read(this.#kept, this.#from, this.#to);
    if (this.#isStopped || this.#from === this.#to) this.#letGo();
    this.#isReading = false;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isStopped) return;
    this.#makeRoom(end - start);
    this.#kept.set(bytes.subarray(start, end), this.#to);
    this.#to += end - start;
  }

  /** Makes room behind what is kept: what a client says that it will send costs nothing before it has come. */
  #makeRoom(bytes: number): void {
    const length = this.#to - this.#from;
    if (this.#to + bytes <= this.#kept.length) return;
    const wanted = length + bytes;
    let into = this.#kept;
    if (wanted > into.length || length > into.length / 2) {
      const announced = Math.max(wanted, length + this.#scanner.missing);
      into = Buffer.allocUnsafeSlow(Math.max(wanted, Math.min(announced, 2 * length), SMALLEST_KEPT_BYTES));
    }
    this.#kept.copy(into, 0, this.#from, this.#to);
    this.#kept = into;
    this.#from = 0;
    this.#to = length;
  }

  #letGo(): void {
    this.#kept = NOTHING;
    this.#from = 0;
    this.#to = 0;
  }
}

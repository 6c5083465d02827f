import { type Field, type FieldCache, type HeaderBlock, NameKind, NOTHING } from '../http/index.ts';
import { badRequest, type Http1Fault } from './fault.ts';
import { type FieldTaker, readFieldLines } from './field-lines.ts';
import { CHUNKED } from './request-head.ts';
import { Scanned, type SectionScanner } from './section-scanner.ts';

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const SEMICOLON = 59;
/** A chunk's size in hexadecimal digits: 2^52 is more than any peer sends, and exact. */
const MAX_SIZE_DIGITS = 13;
/** Chunk extensions mean nothing to us; what a client may spend on them in one message (compare CVE-2023-39326). */
const MAX_EXTENSION_BYTES = 4096;

/** Takes a message's content, and its trailers where there are any. */
export interface ContentSink {
  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void;
  /** The content is complete. `block` holds the trailers. */
  onTrailerSection(block: HeaderBlock): void;
}

const Step = { Size: 0, Blank: 1, Extension: 2, SizeEnd: 3, Data: 4, DataCr: 5, DataLf: 6, Trailers: 7 } as const;

/** Reads a request's content, by its length or in chunks (RFC 9112, 6 and 7.1). */
export class BodyReader implements FieldTaker {
  readonly #sink: ContentSink;
  readonly #fields: FieldCache;
  readonly #block: HeaderBlock;
  readonly #scanner: SectionScanner;
  readonly #onEnd: () => void;
  /** Set where the content cannot be read on. */
  fault: Http1Fault | null = null;
  #chunked = false;
  #step: number = Step.Size;
  /** Bytes to come of the content, or of the chunk. */
  #remaining = 0;
  #digits = 0;
  #extensionBytes = 0;

  /** @param onEnd called before the last of the content is handed on */
  constructor(sink: ContentSink, fields: FieldCache, block: HeaderBlock, scanner: SectionScanner, onEnd: () => void) {
    this.#sink = sink;
    this.#fields = fields;
    this.#block = block;
    this.#scanner = scanner;
    this.#onEnd = onEnd;
  }

  begin(contentLength: number): void {
    this.#chunked = contentLength === CHUNKED;
    this.#step = this.#chunked ? Step.Size : Step.Data;
    this.#remaining = this.#chunked ? 0 : contentLength;
    this.#digits = 0;
    this.#extensionBytes = 0;
  }

  /** @returns how far it read */
  read(bytes: Uint8Array, start: number, end: number): number {
    if (this.#chunked) return this.#readChunks(bytes, start, end);
    const stop = Math.min(end, start + this.#remaining);
    this.#remaining -= stop - start;
    const isLast = this.#remaining === 0;
    if (isLast) this.#onEnd();
    this.#sink.onContent(bytes, start, stop, isLast);
    return stop;
  }

  #readChunks(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.fault === null) {
      if (this.#step === Step.Data) at = this.#readData(bytes, at, end);
      else if (this.#step === Step.Trailers) return this.#readTrailers(bytes, at, end);
      else this.#readFraming(bytes[at++] as number);
    }
    return at;
  }

  #readData(bytes: Uint8Array, start: number, end: number): number {
    const stop = Math.min(end, start + this.#remaining);
    this.#remaining -= stop - start;
    if (this.#remaining === 0) this.#step = Step.DataCr;
    this.#sink.onContent(bytes, start, stop, false);
    return stop;
  }

  /** A byte around the chunks' data. */
  #readFraming(byte: number): void {
    switch (this.#step) {
      case Step.Size:
        this.#readSize(byte);
        return;
      case Step.Blank:
        this.#readBlank(byte);
        return;
      case Step.Extension:
        if (byte === CR) this.#step = Step.SizeEnd;
        else if (byte === LF || ++this.#extensionBytes > MAX_EXTENSION_BYTES) this.#fail('a chunk extension');
        return;
      case Step.SizeEnd:
        if (byte !== LF) this.#fail('the end of a chunk size');
        else if (this.#remaining > 0) this.#step = Step.Data;
        else {
          this.#step = Step.Trailers;
          this.#scanner.begin(true);
        }
        return;
      case Step.DataCr:
        if (byte !== CR) this.#fail('the end of a chunk');
        this.#step = Step.DataLf;
        return;
      default:
        if (byte !== LF) this.#fail('the end of a chunk');
        this.#step = Step.Size;
        this.#digits = 0;
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#remaining = this.#remaining * 16 + digit;
      if (++this.#digits > MAX_SIZE_DIGITS) this.#fail('a chunk size');
    } else if (this.#digits === 0) this.#fail('a chunk size');
    else if (byte === CR) this.#step = Step.SizeEnd;
    else if (byte === SEMICOLON) this.#step = Step.Extension;
    else {
      this.#step = Step.Blank;
      this.#readBlank(byte);
    }
  }

  /** Blanks may part a chunk's size from its extensions (RFC 9112, 7.1.1), and from nothing else. */
  #readBlank(byte: number): void {
    if (byte === SEMICOLON) this.#step = Step.Extension;
    else if ((byte !== SPACE && byte !== TAB) || ++this.#extensionBytes > MAX_EXTENSION_BYTES)
      this.#fail('a chunk size');
  }

  #readTrailers(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#scanner.scan(bytes, start, end);
    if (next === Scanned.More) return end;
    if (next < 0) {
      this.#fail('the trailers');
      return end;
    }
    const { bytes: section, start: first, end: last } = this.#scanner;
    this.#block.clear();
    this.fault = readFieldLines(this.#fields, section, first, last, this);
    if (this.fault !== null) return end;
    this.#onEnd();
    if (this.#block.count > 0) this.#sink.onTrailerSection(this.#block);
    else this.#sink.onContent(NOTHING, 0, 0, true);
    return next;
  }

  takeField(field: Field): Http1Fault | null {
    const { kind, text } = field.name;
    // What frames or routes a message may not come behind it (RFC 9110, 6.5.1).
    if (kind === NameKind.ContentLength || kind === NameKind.ConnectionSpecific || text === 'host')
      return badRequest(`${text} in the trailers`);
    if (kind !== NameKind.Te) this.#block.push(field);
    return null;
  }

  #fail(what: string): void {
    this.fault = badRequest(`${what} is malformed`);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

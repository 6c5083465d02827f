import type { FieldCache, HeaderBlock } from '../http/index.ts';
import { BodyReader, type ContentSink } from './body-reader.ts';
import type { Http1Fault } from './fault.ts';
import { SectionScanner } from './section-scanner.ts';

const CR = 13;
const LF = 10;
/** A message may begin behind an empty line (RFC 9112, 2.2), which some peers put behind a body; not behind many. */
const MAX_EMPTY_BYTES = 4;

/** What reads a connection's messages one after the other: requests, or the answers to them. */
export abstract class ConnectionReader {
  protected readonly block: HeaderBlock;
  protected readonly scanner: SectionScanner;
  readonly #body: BodyReader;
  /** `between`: the message is complete, and the next one is not read yet. */
  protected state: 'between' | 'head' | 'content' | 'until close' | 'stopped' = 'between';
  /** Of empty lines, before the message. */
  protected emptyBytes = 0;

  constructor(sink: ContentSink, fields: FieldCache, block: HeaderBlock, maxHeadBytes: number) {
    this.block = block;
    this.scanner = new SectionScanner(maxHeadBytes);
    this.#body = new BodyReader(sink, fields, block, this.scanner, () => {
      this.state = 'between';
    });
  }

  /** Hands on why no more can be read. */
  protected abstract onFault(fault: Http1Fault): void;

  /** Reads no more. */
  stop(): void {
    this.state = 'stopped';
  }

  protected beginHead(): void {
    this.state = 'head';
    this.emptyBytes = 0;
    this.scanner.begin(false);
  }

  /** @returns where the message begins, as far as that has come; after too many empty lines, at one of them */
  protected skipEmptyLines(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && (bytes[at] === CR || bytes[at] === LF) && this.emptyBytes < MAX_EMPTY_BYTES) {
      at++;
      this.emptyBytes++;
    }
    return at;
  }

  /** The head is read. @param length of its content in bytes, or CHUNKED */
  protected beginContent(length: number): void {
    this.state = length === 0 ? 'between' : 'content';
    if (length !== 0) this.#body.begin(length);
  }

  /** @returns how far it read */
  protected readContent(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#body.read(bytes, start, end);
    return this.#body.fault === null ? next : this.fail(this.#body.fault, end);
  }

  /** @returns `end`, as if all had been read */
  protected fail(fault: Http1Fault, end: number): number {
    this.stop();
    this.onFault(fault);
    return end;
  }
}

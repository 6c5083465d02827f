import type { FieldCache, HeaderBlock } from '../http/index.ts';
import { BodyReader, type ContentSink } from './body-reader.ts';
import { badRequest, foreign, type Http1Fault } from './fault.ts';
import type { RequestHead } from './request-head.ts';
import { Scanned, SectionScanner } from './section-scanner.ts';

const CR = 13;
const LF = 10;
/** A request may begin behind an empty line (RFC 9112, 2.2), which some clients put behind a body; not behind many. */
const MOST_EMPTY_BYTES = 4;

/** A connection's requests, one after the other. All bytes, the head and the block are valid during the call only. */
export interface RequestSink extends ContentSink {
  /** A request's head has come; without content it is complete. */
  onRequestHead(head: RequestHead, block: HeaderBlock): void;
  onFault(fault: Http1Fault): void;
}

type State = 'head' | 'content' | 'complete' | 'stopped';

/**
 * Cuts a connection's bytes into requests (RFC 9112). A request that is complete has to be answered before the next one
 * is read: see `next`.
 */
export class RequestReader {
  readonly #sink: RequestSink;
  readonly #head: RequestHead;
  readonly #block: HeaderBlock;
  readonly #scanner: SectionScanner;
  readonly #body: BodyReader;
  #state: State = 'head';
  #emptyBytes = 0;

  constructor(sink: RequestSink, head: RequestHead, fields: FieldCache, block: HeaderBlock, maxHeadBytes: number) {
    this.#sink = sink;
    this.#head = head;
    this.#block = block;
    this.#scanner = new SectionScanner(maxHeadBytes);
    this.#body = new BodyReader(sink, fields, block, this.#scanner, () => {
      this.#state = 'complete';
    });
    this.#scanner.begin(false);
  }

  /** Part of a request's head has come, and the rest has not. */
  get insideHead(): boolean {
    return this.#state === 'head' && (this.#scanner.begun || this.#emptyBytes > 0);
  }

  /** A request is complete, and the next one is not read before `next`. */
  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** Reads no more. */
  stop(): void {
    this.#state = 'stopped';
  }

  /** The request has been answered: the next one may come. */
  next(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'head';
    this.#emptyBytes = 0;
    this.#scanner.begin(false);
  }

  /** @returns how far it read: all, or as far as the end of a request that has not been answered yet */
  receive(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.#state === 'head') at = this.#readHead(bytes, at, end);
      else if (this.#state === 'content') at = this.#readContent(bytes, at, end);
      else break;
    }
    return this.#state === 'stopped' ? end : at;
  }

  #readHead(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    if (!this.#scanner.begun) {
      while (at < end && (bytes[at] === CR || bytes[at] === LF)) {
        at++;
        if (++this.#emptyBytes > MOST_EMPTY_BYTES) return this.#fail(badRequest('empty lines'), end);
      }
      if (at === end) return end;
      if (!isLetter(bytes[at] as number)) return this.#fail(notHttp(bytes[at] as number), end);
    }
    const next = this.#scanner.scan(bytes, at, end);
    if (next === Scanned.More) return end;
    if (next < 0) return this.#fail(faultOf(next), end);
    const head = this.#head;
    const block = this.#block;
    const fault = head.read(this.#scanner.bytes, this.#scanner.start, this.#scanner.end, block);
    if (fault !== null) return this.#fail(fault, end);
    if (head.contentLength === 0) this.#state = 'complete';
    else {
      this.#state = 'content';
      this.#body.begin(head.contentLength);
    }
    this.#sink.onRequestHead(head, block);
    return next;
  }

  #readContent(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#body.read(bytes, start, end);
    if (this.#body.fault !== null) return this.#fail(this.#body.fault, end);
    return next;
  }

  #fail(fault: Http1Fault, end: number): number {
    this.stop();
    this.#sink.onFault(fault);
    return end;
  }
}

/** Methods in use begin with a letter; a request that does not is answered before it fills our memory. */
function isLetter(byte: number): boolean {
  const small = byte | 32;
  return small >= 97 && small <= 122;
}

/** TLS begins with the type of a handshake record (RFC 8446, 5.1). */
const TLS_HANDSHAKE = 22;

function notHttp(first: number): Http1Fault {
  return foreign(first === TLS_HANDSHAKE ? 'TLS on a port without it' : 'not HTTP');
}

function faultOf(scanned: number): Http1Fault {
  if (scanned === Scanned.TooLarge) return { status: 431, message: 'the headers are larger than allowed' };
  return badRequest('a line that does not end in CR LF');
}

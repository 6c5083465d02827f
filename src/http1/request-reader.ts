import type { FieldCache, HeaderBlock } from '../http/index.ts';
import type { ContentSink } from './body-reader.ts';
import { ConnectionReader } from './connection-reader.ts';
import { badRequest, foreign, type Http1Fault } from './fault.ts';
import type { RequestHead } from './request-head.ts';
import { Scanned } from './section-scanner.ts';

const CR = 13;
const LF = 10;

/** A connection's requests, one after the other. All bytes, the head and the block are valid during the call only. */
export interface RequestSink extends ContentSink {
  /** A request's head has come; without content it is complete. */
  onRequestHead(head: RequestHead, block: HeaderBlock): void;
  onFault(fault: Http1Fault): void;
}

/**
 * Cuts a connection's bytes into requests (RFC 9112). A request that is complete has to be answered before the next one
 * is read: see `next`.
 */
export class RequestReader extends ConnectionReader {
  readonly #sink: RequestSink;
  readonly #head: RequestHead;

  constructor(sink: RequestSink, head: RequestHead, fields: FieldCache, block: HeaderBlock, maxHeadBytes: number) {
    super(sink, fields, block, maxHeadBytes);
    this.#sink = sink;
    this.#head = head;
    this.beginHead();
  }

  /** Part of a request's head has come, and the rest has not. */
  get insideHead(): boolean {
    return this.state === 'head' && (this.scanner.begun || this.emptyBytes > 0);
  }

  /** A request is complete, and the next one is not read before `next`. */
  get isComplete(): boolean {
    return this.state === 'between';
  }

  /** The request has been answered: the next one may come. */
  next(): void {
    if (this.state !== 'stopped') this.beginHead();
  }

  /** @returns how far it read: all, or as far as the end of a request that has not been answered yet */
  receive(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.state === 'head') at = this.#readHead(bytes, at, end);
      else if (this.state === 'content') at = this.readContent(bytes, at, end);
      else break;
    }
    return this.state === 'stopped' ? end : at;
  }

  #readHead(bytes: Uint8Array, start: number, end: number): number {
    const { scanner, block } = this;
    let at = start;
    if (!scanner.begun) {
      at = this.skipEmptyLines(bytes, at, end);
      if (at === end) return end;
      const first = bytes[at] as number;
      if (!isLetter(first)) return this.fail(notARequest(first), end);
    }
    const next = scanner.scan(bytes, at, end);
    if (next === Scanned.More) return end;
    if (next < 0) return this.fail(faultOf(next), end);
    const head = this.#head;
    const fault = head.read(scanner.bytes, scanner.start, scanner.end, block);
    if (fault !== null) return this.fail(fault, end);
    this.beginContent(head.contentLength);
    this.#sink.onRequestHead(head, block);
    return next;
  }

  protected override onFault(fault: Http1Fault): void {
    this.#sink.onFault(fault);
  }
}

/** Methods in use begin with a letter; a request that does not is answered before it fills our memory. */
function isLetter(byte: number): boolean {
  const small = byte | 32;
  return small >= 97 && small <= 122;
}

/** TLS begins with the type of a handshake record (RFC 8446, 5.1). */
const TLS_HANDSHAKE = 22;

function notARequest(first: number): Http1Fault {
  if (first === CR || first === LF) return badRequest('empty lines');
  return foreign(first === TLS_HANDSHAKE ? 'TLS on a port without it' : 'not HTTP');
}

function faultOf(scanned: number): Http1Fault {
  if (scanned === Scanned.TooLarge) return { status: 431, message: 'the headers are larger than allowed' };
  return badRequest('a line that does not end in CR LF');
}

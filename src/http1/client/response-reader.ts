import { type FieldCache, type HeaderBlock, NOTHING } from '../../http/index.ts';
import type { ContentSink } from '../body-reader.ts';
import { ConnectionReader } from '../connection-reader.ts';
import { badRequest, type Http1Fault } from '../fault.ts';
import { Scanned } from '../section-scanner.ts';
import { ResponseHead, UNTIL_CLOSE } from './response-head.ts';

/** What is not HTTP/1 is recognised by its first bytes: another protocol may never send an empty line. */
const BEGINNING = Buffer.from('HTTP/', 'latin1');

/** A connection's answers, one after the other. All bytes, the head and the block are valid during the call only. */
export interface ResponseSink extends ContentSink {
  /** An informational head, which another one follows; 101 is the last word of HTTP/1.1 on its connection. */
  onInformational(head: ResponseHead, block: HeaderBlock): void;
  /** An answer's head; without content it is complete. */
  onResponseHead(head: ResponseHead, block: HeaderBlock): void;
  /** What came is no answer. */
  onMalformed(fault: Http1Fault): void;
}

/** Cuts a connection's bytes into the answers to its requests (RFC 9112), of which one is under way at a time. */
export class ResponseReader extends ConnectionReader {
  readonly #sink: ResponseSink;
  readonly #head: ResponseHead;
  #isHead = false;
  #known = 0;

  constructor(sink: ResponseSink, fields: FieldCache, block: HeaderBlock, maxHeadBytes: number) {
    super(sink, fields, block, maxHeadBytes);
    this.#sink = sink;
    this.#head = new ResponseHead(fields);
  }

  /** A request has been sent: its answer comes next. @param isHead its method was HEAD */
  expect(isHead: boolean): void {
    this.#isHead = isHead;
    this.beginHead();
  }

  protected override beginHead(): void {
    super.beginHead();
    this.#known = 0;
  }

  /** @returns how far it read: all, or as far as the end of the answer */
  receive(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.state === 'head') at = this.#readHead(bytes, at, end);
      else if (this.state === 'content') at = this.readContent(bytes, at, end);
      else if (this.state === 'until close') {
        this.#sink.onContent(bytes, at, end, false);
        at = end;
      } else break;
    }
    return at;
  }

  /** The peer says no more. @returns whether that was the end of an answer, which has been handed on */
  end(): boolean {
    if (this.state !== 'until close') return false;
    this.state = 'between';
    this.#sink.onContent(NOTHING, 0, 0, true);
    return true;
  }

  #readHead(bytes: Uint8Array, start: number, end: number): number {
    const { scanner } = this;
    const at = this.#known === 0 ? this.skipEmptyLines(bytes, start, end) : start;
    for (let i = at; i < end && this.#known < BEGINNING.length; i++)
      if (bytes[i] !== BEGINNING[this.#known++]) return this.fail(badRequest('an answer that is not HTTP/1.1'), end);
    if (at === end) return end;
    const next = scanner.scan(bytes, at, end);
    if (next === Scanned.More) return end;
    if (next < 0) return this.fail(faultOf(next), end);
    const head = this.#head;
    const fault = head.read(scanner.bytes, scanner.start, scanner.end, this.block, this.#isHead);
    if (fault !== null) return this.fail(fault, end);
    this.#enter(head);
    return next;
  }

  #enter(head: ResponseHead): void {
    if (head.status < 200) {
      if (head.status === 101) this.state = 'between';
      else this.beginHead();
      this.#sink.onInformational(head, this.block);
      return;
    }
    if (head.contentLength === UNTIL_CLOSE) this.state = 'until close';
    else this.beginContent(head.contentLength);
    this.#sink.onResponseHead(head, this.block);
  }

  protected override onFault(fault: Http1Fault): void {
    this.#sink.onMalformed(fault);
  }
}

function faultOf(scanned: number): Http1Fault {
  return badRequest(
    scanned === Scanned.TooLarge ? 'headers that are larger than allowed' : 'a line that does not end in CR LF',
  );
}

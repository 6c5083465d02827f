import type { HeaderBlock, MessageHead, Stream } from '../http/index.ts';
import type { Http1Fault } from './fault.ts';

/** What a client's connection reports to its owner. */
export interface Http1Handler {
  /** A request has come. The owner sets `stream.handler` during the call. */
  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  /** The connection is HTTP/2's from now on, beginning with this request; `rest` are bytes that came behind it. */
  onHttp2Upgrade(settings: Uint8Array, block: HeaderBlock, rest: Uint8Array): void;
  /** The client sent what is no HTTP/1.1, and has been told so. */
  onFault(fault: Http1Fault): void;
  /** The client is too slow, sending or reading. */
  onSlow(): void;
  onClosed(): void;
}

import type { HeaderBlock, Stream } from '../http/index.ts';
import type { ClientSocket } from './client-socket.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseWriter } from './response-writer.ts';
import { acceptOf, isHandshakeField, toExtendedConnect } from './websocket.ts';

/**
 * What a client's connection becomes that asks for a WebSocket (RFC 6455) and gets it: the tunnel of a stream that was an extended
 * CONNECT (RFC 8441). One a connection, whether or not it ever is.
 */
export class ClientWebSocket {
  readonly #client: ClientSocket;
  readonly #writer: ResponseWriter;
  /** The request that is under way asks for one, and the answer is made from this; null: it does not ask. */
  key: string | null = null;
  /** The connection is a WebSocket's now: bytes go as they come. */
  isOpen = false;

  constructor(client: ClientSocket, writer: ResponseWriter) {
    this.#client = client;
    this.#writer = writer;
  }

  /** Whether a request asks for one: then its block has been made that of an extended CONNECT. */
  isAskedBy(request: RequestHead, block: HeaderBlock): boolean {
    const asks = request.contentLength === 0 && request.upgradesTo('websocket');
    this.key = asks ? toExtendedConnect(block) : null;
    return this.key !== null;
  }

  /** It is not taken: the request stays what it was, a GET without content. */
  decline(stream: Stream): void {
    this.key = null;
    stream.remoteEnded = true;
  }

  /** It is taken, by this answer. */
  open(key: string, stream: Stream, block: HeaderBlock): void {
    block.removeWhere((field) => !isHandshakeField(field));
    this.#writer.switchToWebSocket(block, acceptOf(key));
    this.isOpen = true;
    const ahead = this.#client.ahead.takeAll();
    if (ahead.length > 0) this.receive(stream, ahead, 0, ahead.length);
    if (stream.receiveWindow > 0) this.#client.resume();
  }

  receive(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    stream.receiveWindow -= end - start;
    stream.handler.onData(stream, bytes, start, end, false);
    if (stream.receiveWindow <= 0 && !stream.closed) this.#client.pause();
  }
}

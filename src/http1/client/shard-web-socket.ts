import type { HeaderBlock, Stream } from '../../http/index.ts';
import type { Output } from '../../io/index.ts';
import type { ResponseHead } from './response-head.ts';
import { WebSocketHandshake } from './web-socket-handshake.ts';

/** What a connection to a shard becomes that was asked for a WebSocket, and gives it. One a connection, whether or not it ever is. */
export class ShardWebSocket {
  /** A WebSocket was asked for, and there is no answer yet. */
  #handshake: WebSocketHandshake | null = null;
  /** Bytes go as they come. */
  isOpen = false;

  get isAsked(): boolean {
    return this.#handshake !== null;
  }

  /** @returns the key to ask with */
  ask(): string {
    this.#handshake = new WebSocketHandshake();
    return this.#handshake.key;
  }

  /** Keeps what the client sends before there is an answer. @returns false where none is waited for */
  keeps(stream: Stream, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (this.#handshake === null) return false;
    this.#handshake.keep(bytes, start, end, isLast);
    stream.sendWindow -= end - start;
    return true;
  }

  /** What is wrong with a 101; null: it is the answer that was waited for, and its block that of a 2xx to an extended CONNECT. */
  faultOf(head: ResponseHead, block: HeaderBlock): string | null {
    return this.#handshake === null ? 'it switched protocols unasked' : this.#handshake.accept(head, block);
  }

  /** It has come about: what the client has sent goes out. @returns whether it has ended its side already */
  open(output: Output): boolean {
    const handshake = this.#handshake;
    this.#handshake = null;
    this.isOpen = true;
    handshake?.drain((bytes, start, end) => output.append(bytes, start, end));
    return handshake?.endsEarly === true;
  }

  /** The request is over. */
  forget(): void {
    this.#handshake?.forget();
    this.#handshake = null;
  }
}

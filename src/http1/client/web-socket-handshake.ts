import type { HeaderBlock } from '../../http/index.ts';
import { ByteQueue } from '../../io/index.ts';
import { acceptOf, isHandshakeField, newKey } from '../websocket.ts';
import { type ResponseHead, statusField } from './response-head.ts';

/** A WebSocket that was asked for, until the peer has taken it or not. */
export class WebSocketHandshake {
  readonly key = newKey();
  /** What the client sent before, and that it said no more. */
  readonly #early = new ByteQueue();
  endsEarly = false;

  /** Keeps content for later. It is bounded by the window: nothing is granted before the peer has taken the WebSocket. */
  keep(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    this.#early.append(bytes, start, end);
    this.endsEarly = isLast;
  }

  /** Makes a 101 the answer to an extended CONNECT (RFC 8441, 5). @returns what is wrong with it; null: nothing */
  accept(head: ResponseHead, block: HeaderBlock): string | null {
    if (head.webSocketAccept !== acceptOf(this.key)) return 'a wrong answer to the key of a WebSocket';
    block.removeWhere((field) => !isHandshakeField(field));
    block.replace(0, statusField(200));
    return null;
  }

  /** Hands on what was kept, and keeps nothing. */
  drain(visit: (bytes: Uint8Array, start: number, end: number) => void): void {
    this.#early.forEach(visit);
    this.#early.clear();
  }

  forget(): void {
    this.#early.clear();
  }
}

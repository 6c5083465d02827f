import type { HeaderBlock, RequestConnection } from '../../../http/index.ts';
import type { Refusable } from '../refusal.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { Waiting } from './fair-queue.ts';

/** A request that is to go to a shard, as what reaches the shard sees it. */
export interface OutgoingRequest extends Waiting, Refusable {
  readonly isWebSocket: boolean;
  /** Has it wait in a place, and in no other. */
  waitIn(place: WaitingPlace<OutgoingRequest>): void;
  /** Its wait is over: it asks anew whether it may go out, and to whom. */
  proceed(): void;
}

/** The same with what sends it. */
export interface SendableRequest extends OutgoingRequest {
  /** Opens a stream and sends what there is of the request. */
  send(connection: RequestConnection): void;
  /** The same at the first time, with its header section as it was received: saves filling a block again. */
  sendFirst(connection: RequestConnection, block: HeaderBlock): void;
}

declare const cleared: unique symbol;

/**
 * A request that may go out now. The request itself alone makes one, once the gate has admitted it, and for this moment only:
 * a place where it waits keeps an `OutgoingRequest`, which cannot be sent.
 */
export type ClearedRequest = SendableRequest & { readonly [cleared]: true };

import type { Refusable } from '../refusal.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { Waiting } from './fair-queue.ts';

/** A request on its way to a shard, as the code that reaches the shard sees it. */
export interface OutgoingRequest extends Waiting, Refusable {
  /** Has it wait in a place, and in no other. */
  waitIn(place: WaitingPlace<OutgoingRequest>): void;
  /** Its wait is over: it asks again whether it may go out, and to which owner. */
  proceed(): void;
}

declare const cleared: unique symbol;

/**
 * A request that may go out now. Only `Upstream.clears` makes one, when a request asks for it after its gate has
 * admitted it. It holds for this moment only: a place where a request waits keeps an `OutgoingRequest`, which cannot be
 * sent.
 */
export type Cleared<Request extends OutgoingRequest> = Request & { readonly [cleared]: true };

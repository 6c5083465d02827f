import type { Refusable } from '../refusal.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { Waiting } from './fair-queue.ts';

/** A request that is to go to a shard, as what reaches the shard sees it. */
export interface OutgoingRequest extends Waiting, Refusable {
  /** Has it wait in a place, and in no other. */
  waitIn(place: WaitingPlace<OutgoingRequest>): void;
  /** Its wait is over: it asks again whether it may go out, and to which owner. */
  proceed(): void;
}

declare const cleared: unique symbol;

/**
 * A request that may go out now. `Upstream.clears` alone makes one, which a request asks once its gate has admitted it, and for this
 * moment only: a place where it waits keeps an `OutgoingRequest`, which cannot be sent.
 */
export type Cleared<Request extends OutgoingRequest> = Request & { readonly [cleared]: true };

import type { Exchange } from '../http/exchange.ts';

/**
 * Where a request waits that cannot be sent now: for its key to be handed over, for its owner to come back, for a connection,
 * for its next repetition. It waits in one place at a time: `Exchange.waitIn` takes it out of the one before. When its wait is
 * over the place calls `Exchange.proceed`, which asks anew whether it may go out, and to whom.
 */
export interface WaitingPlace {
  /** The request does not wait here any more. Nothing happens where it did not. */
  forget(exchange: Exchange): void;
}

declare const cleared: unique symbol;

/**
 * A request that may go out now. `Exchange` alone makes one, once the gate has admitted it, and for this moment only: who has
 * it wait keeps a plain `Exchange`, which cannot be sent.
 */
export type ClearedExchange = Exchange & { readonly [cleared]: true };

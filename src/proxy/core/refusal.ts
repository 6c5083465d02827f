import type { FailureCause } from './failure.ts';

/** Why the core does not let a request go, or ends it. Each family reports it in the terms of the client's protocol. */
export type Refusal =
  /** No shard owns the request's key. */
  | { readonly kind: 'no_owner'; readonly cluster: string }
  /** Its key is being handed over, or the router has no lease, and it has waited for as long as it may. */
  | { readonly kind: 'held_too_long'; readonly cluster: string; readonly retryAfterMs: number }
  /** As many requests wait for that as may. */
  | { readonly kind: 'held_too_many'; readonly cluster: string; readonly retryAfterMs: number }
  /** The router has lost the lease by which the request was sent; or the shard has, where one is named. */
  | { readonly kind: 'no_lease'; readonly cluster: string; readonly shard?: string | undefined }
  /** Another shard has its key, by this version, and whoever sent it here may ask there. */
  | { readonly kind: 'lost_key'; readonly cluster: string; readonly version: number }
  /** Its shard has not answered it, or was not asked. @see FAILURES for what follows from that besides the answer */
  | {
      readonly kind: 'failure';
      readonly failure: FailureCause;
      /** For people. */
      readonly shard: string;
      /** Empty where the cause says it all. */
      readonly reason: string;
    };

/** What can be refused. */
export interface Refusable {
  /** Answers it on the router's own account, in the words of its client's protocol. */
  refuse(refusal: Refusal): void;
}

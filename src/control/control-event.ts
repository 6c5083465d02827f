import type { ClusterEvent } from '../handoff/index.ts';
import type { Handoff, Unreadable } from '../registry/index.ts';

/** What a router's control plane reports. Plain data, with tables in shared memory. */
export type ControlEvent =
  | ClusterControlEvent
  /** What the registry has that this router cannot read, or leaves out: all of it, whenever there is something else. */
  | { readonly kind: 'unreadable'; readonly entries: readonly Unreadable[] }
  /** The registry does not let this router do something. */
  | { readonly kind: 'denied'; readonly reason: string };

/** What it reports about one cluster. */
export type ClusterControlEvent =
  | ClusterEvent
  /** The router may serve the cluster, or may not any more: it has no lease. */
  | { readonly kind: 'serves'; readonly cluster: string; readonly serves: boolean }
  /** This router drives the cluster's handoffs, or does not any more. */
  | { readonly kind: 'controls'; readonly cluster: string; readonly leads: boolean }
  /** A step of a handoff that it drives. */
  | { readonly kind: 'step'; readonly cluster: string; readonly handoff: Handoff }
  | {
      readonly kind: 'failover';
      readonly cluster: string;
      readonly shards: readonly string[];
      readonly done: string;
    };

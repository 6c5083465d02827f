/** What happens to a cluster, for programs that want to know. */
export type ClusterEvent =
  | {
      readonly event: 'failover-began' | 'failover-done';
      readonly shard: string;
      readonly node: string;
      readonly reason: string;
    }
  | {
      readonly event: 'migration-done' | 'migration-failed';
      readonly migration: number;
      readonly from: string;
      readonly to: string;
      readonly reason: string | null;
    }
  | {
      readonly event: 'node-down' | 'node-up';
      readonly shard: string;
      readonly node: string;
      readonly reason: string | null;
    }
  | { readonly event: 'leader-changed'; readonly leader: string };

/** All kinds of them. */
export const EVENT_NAMES = [
  'failover-began',
  'failover-done',
  'migration-done',
  'migration-failed',
  'node-down',
  'node-up',
  'leader-changed',
] as const satisfies ReadonlyArray<ClusterEvent['event']>;

export type EventName = (typeof EVENT_NAMES)[number];

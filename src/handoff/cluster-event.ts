import type { SharedCluster, StagedCluster } from '../topology/index.ts';

/** What is reported of a cluster that is followed. Plain data, with tables in shared memory. */
export type ClusterEvent =
  | {
      readonly kind: 'routing';
      readonly cluster: string;
      /** Null: the registry has no topology for it. */
      readonly table: SharedCluster | null;
      readonly staged: StagedCluster | null;
      /** Shards that were given up on the way to this version. */
      readonly lost: readonly string[];
      /** From the registry, or from the disk because the registry cannot be reached. */
      readonly from: 'registry' | 'disk';
      /** Of events of one cluster the later one's is larger: named when it has been carried out. */
      readonly id: number;
    }
  | { readonly kind: 'outage'; readonly cluster: string; readonly reason: string }
  | { readonly kind: 'recovered'; readonly cluster: string }
  /** Something that people should know and that changes nothing. */
  | { readonly kind: 'warning'; readonly cluster: string; readonly message: string };

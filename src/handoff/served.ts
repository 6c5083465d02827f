import type { PositionRange, SharedCluster, Topology } from '../topology/index.ts';

/** What is served, by topology and table. */
export interface Served {
  /** Distinguishes one from another, even where their versions are the same because one was forced. */
  readonly number: number;
  readonly topology: Topology;
  readonly table: SharedCluster;
}

/** What is staged. */
export interface Next extends Served {
  readonly attempt: number;
  /** The number of what it would replace. */
  readonly replaces: number;
  /** Of the keys that move by it. */
  readonly positions: PositionRange;
}

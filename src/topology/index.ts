/** Topology: who owns what, at one version. Pure; imports placement only. */
export { type HostPort, splitAddress } from './address.ts';
export { Cluster, type ClusterDescription, type HashOn, type PlacementChoice, type Shard } from './cluster.ts';
export { type ClusterDiff, diff, type Flow, type MovedRange } from './diff.ts';
export { type Explanation, explainKey } from './explain.ts';
export { sharesOf } from './shares.ts';
export { parseSlotRanges, type SlotRange, slotFault } from './slot-ranges.ts';

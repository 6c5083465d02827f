/** Topology: which shard owns which keys, at one version. Pure; imports only placement and yaml. */
export { Cluster } from './cluster.ts';
export type { ClusterDescription, HashOn, Moving, PlacementChoice, Shard } from './cluster-description.ts';
export { ClusterTable, type ShardPlace, type SharedCluster, shareCluster } from './cluster-table.ts';
export { describeCluster } from './describe.ts';
export { type ClusterDiff, diff, type Flow, losingShards, type MovedPin, type MovedRange } from './diff.ts';
export {
  checkTopology,
  parseTopology,
  type ReadTopology,
  readTopology,
  topologyDocument,
  topologyJsonSchema,
  topologyYaml,
  writtenTopology,
} from './document.ts';
export { type Explanation, explainKey } from './explain.ts';
export { fingerprint } from './fingerprint.ts';
export {
  changedPositions,
  type PositionRange,
  piecesOf,
  servingShards,
  targetOf,
  towards,
  withoutShards,
} from './moving.ts';
export { derivedNodeId, type NodeId } from './node-id.ts';
export { type Pin, pinName } from './pins.ts';
export { position } from './position.ts';
export { DEFAULT_PLACEMENT, nodeId, optionalClusterFields, topologySchema } from './schema.ts';
export { parseSetNodes, setNodesText } from './set-nodes.ts';
export { type KnownShard, type LeadingNode, successorIds } from './shard-successors.ts';
export { sharesOf } from './shares.ts';
export { dividedSlots, formatSlotRanges, parseSlotRanges, type SlotRange } from './slot-ranges.ts';
export type { StagedCluster } from './staged-cluster.ts';
export {
  type ChangeRules,
  defaultWaves,
  isStrict,
  type Node,
  nodesOf,
  primaryId,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyText,
  type WaveRules,
} from './topology.ts';
export { address, exactlyOne, identifier, reachableAddress } from './values.ts';

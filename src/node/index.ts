/** Nodes that register themselves, or are registered by a sidecar, which has their housekeeping called. */
export {
  callHousekeeping,
  HousekeepingClient,
  type NodeHousekeepingSettings,
  nodeHousekeepingSchema,
} from './housekeeping/index.ts';
export { type NodeOptions, type NodeSurroundings, type RegisteredNode, registerNode } from './register-node.ts';

/** Nodes that register themselves, or are registered by a sidecar. */
export {
  type NodeOptions,
  type NodeSurroundings,
  type RegisteredNode,
  registerNode,
} from './register-node.ts';

/** What Node programs use of Keyway: `import { registerNode } from 'keyway'`. */
import { type NodeOptions, type RegisteredNode, registerNode as register } from './node/index.ts';

export type { NodeOptions, RegisteredNode } from './node/index.ts';
export type { RegistryDescription } from './registry/index.ts';

/** Registers this program as a node of a shard, until `leave` is called or the process ends. See `NodeOptions`. */
export function registerNode(options: NodeOptions): RegisteredNode {
  return register(options, { clock: () => performance.now(), timeOfDayMs: Date.now, random: Math.random });
}

/** What Node programs use of Keyway: `import { registerNode } from 'keyway'`. */
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { NodeOptions, RegisteredNode, ShardOptions, TakingPart } from './node/index.ts';
import { moduleFile } from './runtime/module-file.ts';

export type { NodeOptions, RegisteredNode, ShardOptions, TakingPart } from './node/index.ts';
export type { RegistryDescription } from './registry/index.ts';

/** The command brings the Node that it needs; a program that imports us runs on its own. */
const OLDEST_NODE = 26;
if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
  throw new Error(`keyway: the library needs Node ${OLDEST_NODE} or newer; this is ${process.version}`);

// Not imported: an older Node would fail on its own missing modules before this could say which Node is needed.
const require = createRequire(import.meta.url);
const node = require(fileURLToPath(moduleFile('./node/index', import.meta.url))) as typeof import('./node/index.ts');

const surroundings = { clock: () => performance.now(), timeOfDayMs: Date.now, random: Math.random };

/** Registers this program as a node of a shard, until `leave` is called or the process ends. See `NodeOptions`. */
export function registerNode(options: NodeOptions): RegisteredNode {
  return node.registerNode(options, surroundings);
}

/** Registers this program as a shard that takes part in handoffs: no key is served by two at once. See `ShardOptions`. */
export function takePart(options: ShardOptions): TakingPart {
  const timeOfDay = (): string => new Date().toISOString();
  return node.takePart(options, { ...surroundings, timeOfDay, process: { host: hostname(), pid: process.pid } });
}

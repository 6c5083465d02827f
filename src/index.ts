/** What Node programs use of Keyway: `import { registerNode } from 'keyway'`. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NodeOptions, RegisteredNode } from './node/index.ts';
import { moduleFile } from './runtime/module-file.ts';

export type { NodeOptions, RegisteredNode } from './node/index.ts';
export type { RegistryDescription } from './registry/index.ts';

/** The command brings the Node that it needs; a program that imports us runs on its own. */
const OLDEST_NODE = 26;
if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
  throw new Error(`keyway: the library needs Node ${OLDEST_NODE} or newer; this is ${process.version}`);

// Not imported: an older Node would fail on its own missing modules before this could say which Node is needed.
const require = createRequire(import.meta.url);
const node = require(fileURLToPath(moduleFile('./node/index', import.meta.url))) as typeof import('./node/index.ts');

/** Registers this program as a node of a shard, until `leave` is called or the process ends. See `NodeOptions`. */
export function registerNode(options: NodeOptions): RegisteredNode {
  return node.registerNode(options, { clock: () => performance.now(), timeOfDayMs: Date.now, random: Math.random });
}

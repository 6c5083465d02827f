import { clusterOperations } from './clusters.ts';
import { migrationOperations } from './migrations.ts';
import { namespaceOperations } from './namespaces.ts';
import { nodeOperations } from './nodes.ts';
import type { Operation } from './operation.ts';
import { shardOperations } from './shards.ts';

/** Below this are all paths of operations. */
export const BASE = '/api/v1';

/** All that can be asked for. */
export const operations: readonly Operation[] = [
  ...namespaceOperations,
  ...clusterOperations,
  ...migrationOperations,
  ...shardOperations,
  ...nodeOperations,
];

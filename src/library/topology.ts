/** What programs use of topologies: `import { Cluster } from 'keyway/topology'`. See docs/library.md. */
import './oldest-node.ts';

export * from '../topology/index.ts';

/** What programs use to place keys: `import { placements } from 'keyway/placement'`. See docs/library.md. */
import './oldest-node.ts';

export * from '../placement/index.ts';

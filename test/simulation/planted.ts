import type { Store } from '../../src/registry/index.ts';
import type { SimulatedRouter } from './keyway/router.ts';
import type { SimulatedShard } from './keyway/shard.ts';
import type { SimulatedProcess } from './machine/process.ts';

/** A fault in the product, put into a world by wrapping the pieces that it is made of. */
export interface Planted {
  readonly name: string;
  /** Between a process and its store. */
  readonly store?: (store: Store, process: SimulatedProcess) => Store;
  readonly router?: (router: SimulatedRouter) => void;
  readonly shard?: (shard: SimulatedShard) => void;
}

/** All that are tried. */
export const planted: readonly Planted[] = [];

import type { Task } from '../../../src/housekeeping/index.ts';
import type { Entry, Store } from '../../../src/registry/store/store.ts';
import type { RouterClocks, SimulatedRouter } from '../keyway/router.ts';
import type { ShardKind } from '../keyway/setting.ts';
import type { SimulatedShard } from '../keyway/shard.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';

/** A fault in the product. It is put into a world by wrapping the pieces that the product is made of. */
export interface Planted {
  readonly name: string;
  /** Shards in whose worlds it does harm. */
  readonly shards: ShardKind;
  /** It is found within a run or two, so that the specs can look for it each time. */
  readonly isQuick?: true;
  /** Between a process and its store. */
  readonly store?: (store: Store, process: SimulatedProcess) => Store;
  readonly router?: (router: SimulatedRouter) => void;
  readonly routerClocks?: (clock: () => number) => RouterClocks;
  readonly shard?: (shard: SimulatedShard, world: World) => void;
  readonly shardClock?: (clock: () => number) => () => number;
  readonly task?: (task: Task) => Task;
  readonly process?: (process: SimulatedProcess) => void;
  readonly world?: (world: World) => void;
}

export const isRouter = ({ name }: SimulatedProcess): boolean => name.startsWith('r');
export const isShard = ({ name }: SimulatedProcess): boolean => /^s\d/.test(name);
/** Routers and the operator's commands drive handoffs. */
export const isDriver = (process: SimulatedProcess): boolean => process.name === 'operator' || isRouter(process);

/** An entry of JSON, with other fields. */
export function edited<Value extends { readonly value: string | null }>(
  entry: Value,
  edit: (document: Record<string, unknown>) => void,
): Value {
  if (entry.value === null) return entry;
  const document = JSON.parse(entry.value) as Record<string, unknown>;
  edit(document);
  return { ...entry, value: JSON.stringify(document) };
}

export const isState = ({ key }: Pick<Entry, 'key'>): boolean => key.startsWith('handoff/') && key.endsWith('/state');
/** What a handoff leads to: a document of a topology; a version has that in its `topology`. */
export const isStaged = ({ key }: Pick<Entry, 'key'>): boolean => key.startsWith('handoff/') && key.endsWith('/staged');
export const isVersion = ({ key }: Pick<Entry, 'key'>): boolean => key.startsWith('version/');
export const isNode = ({ key }: Pick<Entry, 'key'>): boolean => /^handoff\/.*\/node\//.test(key);

import { machineClock } from '../../src/machine-clock.ts';
import { Cluster, type ClusterDescription, type Topology, type TopologyDraft } from '../../src/topology/index.ts';
import type { Change } from './history.ts';
import type { World } from './world.ts';

const HEAVIEST = 3;

/** A planned change, and what it makes of a topology. */
export interface PlannedChange {
  readonly what: string;
  readonly draft: TopologyDraft;
}

/** Picks one that can be made now: a shard joins, leaves, or gets another weight. */
export function plan(topology: Topology, world: World, random: () => number, fewestShards: number): PlannedChange {
  const { shards } = topology;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const absent = world.shards.filter(({ id }) => !shards.some((shard) => shard.id === id));
  const kind = random();
  const next = (what: string, changed: Topology['shards']): PlannedChange => ({
    what,
    draft: { ...topology, version: null, shards: changed },
  });
  if (absent.length > 0 && kind < 0.5) {
    const { id, address } = pick(absent);
    return next(`shard ${id} joins`, [...shards, { id, address, weight: 1 }]);
  }
  if (shards.length > fewestShards && kind < 0.8) {
    const leaver = pick(shards);
    return next(
      `shard ${leaver.id} leaves`,
      shards.filter((shard) => shard !== leaver),
    );
  }
  const chosen = pick(shards);
  const weight = 1 + (chosen.weight % HEAVIEST);
  return next(
    `shard ${chosen.id} gets weight ${weight}`,
    shards.map((shard) => (shard === chosen ? { ...shard, weight } : shard)),
  );
}

/** Makes a change, and notes what came of it. */
export async function carryOut(
  world: World,
  before: Topology,
  { what, draft }: PlannedChange,
  keys: readonly string[],
): Promise<Change> {
  const begin = machineClock();
  const moved = movedKeys(before, draft, keys);
  const done = await world.change(before, draft, what);
  return { what, begin, end: machineClock(), done, moved };
}

function movedKeys(before: ClusterDescription, after: ClusterDescription, keys: readonly string[]): string[] {
  const [one, other] = [ownersIn(before, keys), ownersIn(after, keys)];
  return keys.filter((key) => one[key] !== other[key]);
}

/** Which shard owns each of some keys. */
export function ownersIn(description: ClusterDescription, keys: readonly string[]): Record<string, string> {
  const cluster = new Cluster(description);
  return Object.fromEntries(
    keys.map((key) => {
      const bytes = Buffer.from(key);
      return [key, description.shards[cluster.locate(bytes, 0, bytes.length)]?.id ?? 'nobody'];
    }),
  );
}

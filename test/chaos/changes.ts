import { machineClock } from '../../src/runtime/machine-clock.ts';
import {
  Cluster,
  type ClusterDescription,
  type Shard,
  type Topology,
  type TopologyDraft,
  targetOf,
} from '../../src/topology/index.ts';
import type { Change, Version } from './history.ts';
import type { World } from './world.ts';

const HEAVIEST = 3;
const MAX_PINS = 3;
/** A prime, and small: the table is built many times a minute. */
const MAGLEV = { name: 'maglev', options: { tableSize: 1021 } } as const;
const RING_HASH = {
  name: 'ringHash',
  options: { minimumRingSize: 1024, maximumRingSize: 8_388_608, hashFunction: 'xxHash64' },
} as const;

/** A planned change, and what it makes of a topology. */
export interface PlannedChange {
  readonly what: string;
  readonly draft: TopologyDraft;
}

/** What a plan is made by. */
interface Planning {
  readonly topology: Topology;
  readonly world: World;
  readonly keys: readonly string[];
  readonly random: () => number;
}

type Step = (planning: Planning) => PlannedChange;

/** Picks a change of the members that can be made now: a shard joins, leaves, or gets another weight. */
export function planMembers(
  topology: Topology,
  world: World,
  random: () => number,
  fewestShards: number,
): PlannedChange {
  const { shards } = topology;
  const planning = { topology, world, keys: [], random };
  const kind = random();
  if (absent(planning).length > 0 && kind < 0.5) return join(planning);
  return shards.length > fewestShards && kind < 0.8 ? leave(planning) : weigh(planning);
}

/** The same, and besides other addresses, pins and placements. */
export function plan(planning: Planning, fewestShards: number): PlannedChange {
  const { topology, world, random } = planning;
  const others: Step[] = [pin, place, ...(world.shards.some(hasSeveral) ? [readdress] : [])];
  const other = others[Math.floor(random() * others.length)] as Step;
  return random() < 0.3 ? other(planning) : planMembers(topology, world, random, fewestShards);
}

function pick<Item>(items: readonly Item[], random: () => number): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

function absent({ topology, world }: Planning): World['shards'] {
  return world.shards.filter(({ id }) => !topology.shards.some((shard) => shard.id === id));
}

function join(planning: Planning): PlannedChange {
  const {
    id,
    addresses: [address],
  } = pick(absent(planning), planning.random);
  return changed(planning, `shard ${id} joins`, [...planning.topology.shards, { id, address, weight: 1 }]);
}

function leave(planning: Planning): PlannedChange {
  const { shards } = planning.topology;
  const leaver = pick(shards, planning.random);
  const left = shards.filter((shard) => shard !== leaver);
  return changed(planning, `shard ${leaver.id} leaves`, left);
}

function weigh(planning: Planning): PlannedChange {
  const chosen = pick(planning.topology.shards, planning.random);
  const weight = 1 + (chosen.weight % HEAVIEST);
  return changed(planning, `shard ${chosen.id} gets weight ${weight}`, replaced(planning, { ...chosen, weight }));
}

function hasSeveral({ addresses }: World['shards'][number]): boolean {
  return addresses.length > 1;
}

function readdress(planning: Planning): PlannedChange {
  const { topology, world, random } = planning;
  const movable = topology.shards.filter(({ id }) => world.shards.some((each) => each.id === id && hasSeveral(each)));
  const chosen = pick(movable.length > 0 ? movable : topology.shards, random);
  const others = world.shards.find(({ id }) => id === chosen.id)?.addresses.filter((each) => each !== chosen.address);
  const address = others?.[0] ?? chosen.address;
  return changed(planning, `shard ${chosen.id} goes to ${address}`, replaced(planning, { ...chosen, address }));
}

function pin(planning: Planning): PlannedChange {
  const { topology, keys, random } = planning;
  const { pins = [] } = topology;
  const [key, shard] = [pick(keys, random), pick(topology.shards, random).id];
  const draft = { ...topology, version: null };
  if (pins.length >= MAX_PINS) return { what: 'all pins are taken out', draft: { ...draft, pins: [] } };
  const others = pins.filter((each) => !('key' in each && each.key === key));
  return { what: `${key} is pinned to ${shard}`, draft: { ...draft, pins: [...others, { key, shard }] } };
}

function place({ topology }: Planning): PlannedChange {
  const placement = topology.placement.name === 'maglev' ? RING_HASH : MAGLEV;
  return { what: `keys are placed by ${placement.name}`, draft: { ...topology, version: null, placement } };
}

function replaced({ topology }: Planning, shard: Shard): readonly Shard[] {
  return topology.shards.map((each) => (each.id === shard.id ? shard : each));
}

/** A pin goes with its shard. */
function changed({ topology }: Planning, what: string, shards: readonly Shard[]): PlannedChange {
  const pins = topology.pins?.filter(({ shard }) => shards.some(({ id }) => id === shard));
  return { what, draft: { ...topology, version: null, shards, ...(pins === undefined ? {} : { pins }) } };
}

/** Makes a change, and notes what came of it. */
export async function carryOut(
  world: World,
  before: Topology,
  { what, draft: planned }: PlannedChange,
  keys: readonly string[],
): Promise<Change> {
  // How far an earlier change has come is no part of what is planned.
  const draft = targetOf(planned);
  const begin = machineClock();
  const [one, other] = [ownersIn(before, keys), ownersIn(draft, keys)];
  const moved = keys.filter((key) => hasMoved(key, one, other));
  const done = await world.change(before, draft, what);
  return { what, begin, end: machineClock(), done, moved };
}

/** Which shard owns each of some keys, and at which address. */
export function ownersIn(
  description: ClusterDescription,
  keys: readonly string[],
): Pick<Version, 'owners' | 'addresses'> {
  const cluster = new Cluster(description);
  const owners: Record<string, string> = {};
  const addresses: Record<string, string> = {};
  for (const key of keys) {
    const bytes = Buffer.from(key);
    const owner = cluster.shards[cluster.locate(bytes, 0, bytes.length)];
    owners[key] = owner?.id ?? 'nobody';
    addresses[key] = owner?.address ?? 'nowhere';
  }
  return { owners, addresses };
}

/** Whether a key's streams have to end for a change from one version to another. */
export function hasMoved(key: string, one: Pick<Version, 'owners' | 'addresses'>, other: typeof one): boolean {
  return one.owners[key] !== other.owners[key] || one.addresses[key] !== other.addresses[key];
}

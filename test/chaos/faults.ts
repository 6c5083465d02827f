import type { Cable } from '../support/cable.ts';
import type { Server } from '../support/registries.ts';
import type { Disturbance } from './history.ts';
import type { Link, Victim, World } from './world.ts';

/** Something that goes wrong, and is mended after a while. */
export interface Fault extends Pick<Disturbance, 'routers' | 'shards'> {
  readonly what: string;
  /** What it befalls: no other fault may at the same time. */
  readonly victim: object;
  readonly lastsMs: number;
  begin(): Promise<void>;
  mend(): Promise<void>;
}

type Scope = Pick<Disturbance, 'routers' | 'shards'>;

/** Longer than every lease and what comes after it, so that what was struck is counted out. */
const LONGEST_MS = 8000;
const SHORTEST_MS = 300;
/** Of what concerns everybody: else nothing that fails in a run would count. */
const LONGEST_OF_ALL_MS = 2000;
const EVERYBODY: Scope = { routers: null, shards: null };

/** Picks one at random: of routers, shards and the registry one is killed, stopped, cut off, or has its writes interrupted. */
export function pickFault({ routers, shards, companions, registryServer }: World, random: () => number): Fault {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const long = random() ** 2;
  const lasts = (longestMs: number): number => Math.round(SHORTEST_MS + (longestMs - SHORTEST_MS) * long);
  const router = pick([...routers.keys()]);
  const shard = pick([...shards, ...companions]);
  const [victim, scope]: [Victim, Scope] =
    random() < 0.4
      ? [routers[router] as Victim, { routers: [router], shards: null }]
      : [shard, { routers: null, shards: [shard.id] }];
  const toRegistry = victim.links.find(({ from }) => from === 'the registry');
  const own = { ...scope, victim, lastsMs: lasts(LONGEST_MS) };
  const ofAll = { ...EVERYBODY, lastsMs: lasts(LONGEST_OF_ALL_MS) };
  const kinds: ReadonlyArray<readonly [number, () => Fault]> = [
    [2, () => killed(victim, own)],
    [2, () => stopped(victim, own)],
    ...(victim.links.length === 0 ? [] : [[3, () => cutOff(victim, victim.links, random, own)] as const]),
    ...(toRegistry === undefined ? [] : [[3, () => reset(victim, toRegistry.cable, random, own)] as const]),
    ...(registryServer === null
      ? []
      : // What concerns everybody comes more rarely.
        [
          [1, () => registryKilled({ ...ofAll, victim: registryServer }, registryServer)] as const,
          [1, () => registryStopped({ ...ofAll, victim: registryServer }, registryServer)] as const,
        ]),
  ];
  return weighted(kinds, random())();
}

function weighted<Item>(choices: ReadonlyArray<readonly [number, Item]>, random: number): Item {
  let left = random * choices.reduce((sum, [weight]) => sum + weight, 0);
  const found = choices.find(([weight]) => {
    left -= weight;
    return left < 0;
  });
  return (found ?? (choices[0] as readonly [number, Item]))[1];
}

type Plan = Scope & Pick<Fault, 'victim' | 'lastsMs'>;

function killed(victim: Victim, plan: Plan): Fault {
  return {
    ...plan,
    what: `${victim.name} is killed for ${plan.lastsMs} ms`,
    begin: () => victim.kill(),
    mend: () => victim.start(),
  };
}

function stopped(victim: Victim, plan: Plan): Fault {
  return {
    ...plan,
    what: `${victim.name} is stopped for ${plan.lastsMs} ms`,
    begin: async () => victim.stop(),
    mend: async () => victim.goOn(),
  };
}

/** From all that one of its links is to: a shard with two addresses is not to be reached by either. */
function cutOff(victim: Victim, links: readonly Link[], random: () => number, plan: Plan): Fault {
  const { from } = links[Math.floor(random() * links.length)] as Link;
  const cut = links.filter((link) => link.from === from).map(({ cable }) => cable);
  return {
    ...plan,
    what: `${victim.name} is cut off from ${from} for ${plan.lastsMs} ms`,
    begin: async () => {
      for (const cable of cut) cable.cut();
    },
    mend: async () => {
      for (const cable of cut) cable.mend();
    },
  };
}

/** What a write to the registry is known by: its content, which nobody compresses. */
const WRITES = ['"acknowledged"', '"step":', '"versions"', 'member/', 'election/'];

/** A connection is reset while a write of one kind is under way: before the registry has it, or before its answer comes. */
function reset(victim: Victim, cable: Cable, random: () => number, plan: Plan): Fault {
  const text = WRITES[Math.floor(random() * WRITES.length)] as string;
  const isBefore = random() < 0.5;
  const isOnce = random() < 0.5;
  let isArmed = true;
  const written = new WeakSet<object>();
  return {
    ...plan,
    what: `${victim.name} has its connection reset ${isBefore ? 'before' : 'after'} ${isOnce ? 'a' : 'each'} write of ${text} for ${plan.lastsMs} ms`,
    begin: async () => {
      cable.tap = (bytes, way, connection) => {
        if (way === 'down') return written.has(connection) ? 'reset' : 'pass';
        if (!isArmed || !bytes.includes(text)) return 'pass';
        isArmed = !isOnce;
        if (!isBefore) written.add(connection);
        return isBefore ? 'reset' : 'pass';
      };
    },
    mend: async () => {
      cable.tap = () => 'pass';
    },
  };
}

function registryKilled(plan: Plan, registryServer: Server): Fault {
  return {
    ...plan,
    what: `the registry is killed for ${plan.lastsMs} ms`,
    begin: () => registryServer.kill(),
    mend: () => registryServer.start(),
  };
}

function registryStopped(plan: Plan, registryServer: Server): Fault {
  return {
    ...plan,
    what: `the registry is stopped for ${plan.lastsMs} ms`,
    begin: async () => registryServer.pause(),
    mend: async () => registryServer.resume(),
  };
}

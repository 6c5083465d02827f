import type { Cable } from '../support/cable.ts';
import type { Server } from '../support/registries.ts';
import type { Victim, World } from './world.ts';

/** Something that goes wrong, and is mended after a while. */
export interface Fault {
  readonly what: string;
  readonly lastsMs: number;
  begin(): Promise<void>;
  mend(): Promise<void>;
}

/** Longer than every lease and what comes after it, so that what was struck is counted out. */
const LONGEST_MS = 8000;
const SHORTEST_MS = 300;

/** Picks one at random: of routers, shards and the registry one is killed, stopped, or cut off. */
export function pickFault({ routers, shards, registryServer }: World, random: () => number): Fault {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const lastsMs = Math.round(SHORTEST_MS + (LONGEST_MS - SHORTEST_MS) * random() ** 2);
  const victim = pick<Victim>([pick(routers), pick(shards), pick(shards)]);
  const kinds = [
    () => killed(victim, lastsMs),
    () => stopped(victim, lastsMs),
    () => (victim.cable === null ? stopped(victim, lastsMs) : cutOff(victim, victim.cable, lastsMs)),
    () => (registryServer === null ? killed(victim, lastsMs) : registryKilled(registryServer, lastsMs)),
    () => (registryServer === null ? stopped(victim, lastsMs) : registryStopped(registryServer, lastsMs)),
  ];
  // What concerns everybody comes more rarely.
  const at = [0, 0, 1, 1, 2, 2, 3, 4][Math.floor(random() * 8)] as number;
  return (kinds[at] as () => Fault)();
}

function killed(victim: Victim, lastsMs: number): Fault {
  return {
    what: `${victim.name} is killed for ${lastsMs} ms`,
    lastsMs,
    begin: () => victim.kill(),
    mend: () => victim.start(),
  };
}

function stopped(victim: Victim, lastsMs: number): Fault {
  return {
    what: `${victim.name} is stopped for ${lastsMs} ms`,
    lastsMs,
    begin: async () => victim.stop(),
    mend: async () => victim.goOn(),
  };
}

function cutOff(victim: Victim, cable: Cable, lastsMs: number): Fault {
  return {
    what: `${victim.name} is cut off from the registry for ${lastsMs} ms`,
    lastsMs,
    begin: async () => cable.cut(),
    mend: async () => cable.mend(),
  };
}

function registryKilled(registryServer: Server, lastsMs: number): Fault {
  return {
    what: `the registry is killed for ${lastsMs} ms`,
    lastsMs,
    begin: () => registryServer.kill(),
    mend: () => registryServer.start(),
  };
}

function registryStopped(registryServer: Server, lastsMs: number): Fault {
  return {
    what: `the registry is stopped for ${lastsMs} ms`,
    lastsMs,
    begin: async () => registryServer.pause(),
    mend: async () => registryServer.resume(),
  };
}

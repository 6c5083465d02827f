import type { Accepted } from '../../io/index.ts';
import type { CounterNames } from '../core/counters.ts';
import type { Family, FamilyHost, FamilyStart, Prepared, RunningFamily } from '../core/family.ts';
import type { FrontDoor } from '../core/front-door.ts';
import type { ClusterOwners } from '../core/owner/cluster-owners.ts';
import type { PoolFactories } from '../core/owner/pool.ts';
import type { Session } from '../core/session.ts';

/** A family that is loaded, and what begins its part. */
interface Loaded {
  readonly family: Family;
  readonly start: FamilyStart;
}

/** The families of a router that is about to begin. */
export class LoadedFamilies {
  /** What all of them count. */
  readonly counted: CounterNames;
  readonly #loaded: readonly Loaded[];

  /**
   * @param settings of each family, under its name
   * @throws Error where two families have one name, or count statuses in one metric
   */
  static async load(families: readonly Family[], settings: object, random: () => number): Promise<LoadedFamilies> {
    refuseShared(families, 'have the name', ({ name }) => [name]);
    refuseShared(families, 'count statuses in the metric', ({ counted }) =>
      counted.statuses.map(({ metric }) => metric),
    );
    const loading = families.map(async (family) => {
      const start = await family.load(settingsOf(settings, family.name), random);
      return { family, start };
    });
    return new LoadedFamilies(await Promise.all(loading));
  }

  private constructor(loaded: readonly Loaded[]) {
    this.#loaded = loaded;
    this.counted = {
      refusals: [...new Set(loaded.flatMap(({ family }) => family.counted.refusals))],
      floods: [...new Set(loaded.flatMap(({ family }) => family.counted.floods))],
      statuses: loaded.flatMap(({ family }) => family.counted.statuses),
    };
  }

  /** @throws Error where two families bring a pool, or a name of ALPN, for one protocol */
  start(host: FamilyHost): RunningFamilies {
    return new RunningFamilies(this.#loaded.map(({ family, start }) => ({ name: family.name, running: start(host) })));
  }
}

interface Running {
  readonly name: string;
  readonly running: RunningFamily;
}

/** The families of a router at work, as if they were one. */
export class RunningFamilies {
  /** In the order in which they are asked about a connection. */
  readonly doors: readonly FrontDoor[];
  readonly pools: PoolFactories;
  readonly #all: readonly Running[];

  constructor(all: readonly Running[]) {
    refuseShared(all, 'bring a pool for the protocol', ({ running }) => Object.keys(running.pools));
    refuseShared(all, 'have a door for the ALPN protocol', ({ running }) =>
      running.doors.flatMap(({ alpn }) => (alpn === null ? [] : [alpn])),
    );
    this.#all = all;
    this.doors = all.flatMap(({ running }) => running.doors);
    this.pools = Object.assign({}, ...all.map(({ running }) => running.pools));
  }

  /** Takes a connection of an address that is one family's alone; null where its first bytes, or ALPN, have to show whose it is. */
  accept(accepted: Accepted): Session | null {
    const { only } = accepted;
    if (only === null) return null;
    const owner = this.#all.find(({ name }) => name === only.family);
    return owner?.running.accept?.(accepted, only.entry) ?? null;
  }

  /** See `RunningFamily.inspect`. */
  inspect(family: string, question: string, seconds: number): Promise<object | null> {
    const found = this.#all.find(({ name }) => name === family);
    return found?.running.inspect?.(question, seconds) ?? Promise.resolve(null);
  }

  /**
   * Opens what other settings need, in each family.
   * @param settings of each family, under its name
   * @throws Error where a file cannot be had: then nothing has changed
   */
  prepare(settings: object): Prepared {
    const prepared: Prepared[] = [];
    const discard = (): void => {
      for (const each of prepared) each.discard();
    };
    try {
      for (const { name, running } of this.#all) prepared.push(running.prepare(settingsOf(settings, name)));
    } catch (cause) {
      discard();
      throw cause;
    }
    const apply = (): void => {
      for (const each of prepared) each.apply();
    };
    return { apply, discard };
  }

  onOwners(owners: ClusterOwners): void {
    for (const { running } of this.#all) running.onOwners(owners);
  }

  async stop(): Promise<void> {
    for (const { running } of this.#all) await running.stop();
  }
}

/** A name that two families share would silently belong to the later one. */
function refuseShared<Each extends { readonly name: string }>(
  families: readonly Each[],
  both: string,
  namesOf: (family: Each) => readonly string[],
): void {
  const owners = new Map<string, string>();
  for (const family of families) {
    for (const name of new Set(namesOf(family))) {
      const owner = owners.get(name);
      if (owner !== undefined) throw new Error(`the families ${owner} and ${family.name} both ${both} ${name}`);
      owners.set(name, family.name);
    }
  }
}

function settingsOf(settings: object, family: string): unknown {
  return (settings as Readonly<Record<string, unknown>>)[family];
}

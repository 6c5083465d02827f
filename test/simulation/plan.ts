import { seeded } from '../../src/load/seeded.ts';
import type { ShardKind } from './keyway/setting.ts';

/** A change of the topology. What it is about follows from what there is then, and from `choice`. */
export interface PlannedChange {
  readonly kind: 'join' | 'leave' | 'weight' | 'pin' | 'move';
  /** After the one before has ended. */
  readonly afterMs: number;
  /** Between 0 and 1. */
  readonly choice: number;
}

/** What a fault strikes, and how. */
export type FaultKind =
  | 'kill router'
  | 'stop router'
  | 'end router'
  | 'kill shard'
  | 'stop shard'
  | 'kill store'
  | 'stop store'
  | 'kill operator'
  | 'compact store'
  | 'restore store'
  | 'cut router from store'
  | 'cut shard from store'
  | 'cut router from shard';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** After the changes have begun. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** Which of those that there are: between 0 and 1. */
  readonly choice: number;
  readonly link: 'silent' | 'reset' | 'lossy' | 'slow';
}

/** All that is decided before a run begins. The rest follows from it, and from the seed. */
export interface Plan {
  readonly seed: number;
  readonly shards: ShardKind;
  readonly routers: number;
  readonly changes: readonly PlannedChange[];
  readonly faults: readonly PlannedFault[];
}

export interface PlanOptions {
  readonly changes?: number | undefined;
  readonly shards?: ShardKind | undefined;
  readonly faults?: boolean | undefined;
}

/** How many changes a run has: as long as a minute or two, so that what is left of one can harm a later one. */
export const CHANGES_A_RUN = 20;
/** Every so-manieth run is without faults: in it nothing may fail at all. */
const CALM_EVERY = 5;
const MOST_FAULTS = 100;
const LONGEST_FAULT_MS = 7000;
/** Mean times between the beginnings of two faults: in some runs everything breaks at once, in most now and then something does. */
const FAULT_EVERY_MS = [700, 2000, 4000] as const;

const FAULTS: ReadonlyArray<readonly [kind: FaultKind, weight: number]> = [
  ['kill router', 3],
  ['stop router', 3],
  ['end router', 2],
  ['kill shard', 3],
  ['stop shard', 3],
  ['kill store', 1],
  ['stop store', 1],
  ['kill operator', 2],
  ['compact store', 2],
  ['cut router from store', 3],
  ['cut shard from store', 3],
  ['cut router from shard', 2],
];

/** Each as often as its weight says. */
const KINDS = FAULTS.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
const LINKS = ['silent', 'reset', 'lossy', 'slow'] as const;
const CHANGES: readonly PlannedChange['kind'][] = ['join', 'leave', 'weight', 'pin', 'move'];

export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const random = seeded(seed * 2 + 1);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  // Asked in any case, so that the rest of a plan does not depend on what is given.
  const isFencing = random() < 0.5;
  const shards = options.shards ?? (isFencing ? 'fencing' : 'plain');
  const routers = 2 + Math.floor(random() * 2);
  const changes = Array.from({ length: options.changes ?? CHANGES_A_RUN }, () => ({
    kind: pick(CHANGES),
    afterMs: 20 + 300 * random(),
    choice: random(),
  }));
  const faults: PlannedFault[] = [];
  const everyMs = pick(FAULT_EVERY_MS);
  let atMs = 0;
  while (faults.length < MOST_FAULTS) {
    atMs += 2 * everyMs * random();
    const kind = pick(KINDS);
    // Many are short, some are longer than any lease.
    const lastsMs = 20 + LONGEST_FAULT_MS * random() ** 2;
    faults.push({ kind, atMs, lastsMs, choice: random(), link: pick(LINKS) });
  }
  const hasFaults = options.faults ?? seed % CALM_EVERY !== 0;
  return { seed, shards, routers, changes, faults: hasFaults ? faults : [] };
}

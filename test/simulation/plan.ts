import { seeded } from '../../src/load/seeded.ts';
import type { ShardKind } from './keyway/setting.ts';
import type { LinkFault } from './machine/network.ts';

/** A change of the topology. What it is about follows from what there is then, and from `choice`. */
export interface PlannedChange {
  readonly kind: 'join' | 'leave' | 'weight' | 'pin' | 'move' | 'failover' | 'consistency' | 'force' | 'delete';
  /** After the one before has ended. */
  readonly afterMs: number;
  /** Between 0 and 1. */
  readonly choice: number;
  /** What people do while it is under way, and after how long. */
  readonly interrupted: { readonly by: 'nothing' | 'pause' | 'giving up'; readonly afterMs: number };
}

/** What a fault strikes, and how. */
export type FaultKind =
  | 'kill router'
  | 'twin router'
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
  /** It strikes at the next step of a handoff from then on. */
  readonly isAtStep: boolean;
  /** Which of those that there are: between 0 and 1. */
  readonly choice: number;
  readonly link: LinkFault['kind'];
}

/** All that is decided before a run begins. The rest follows from it, and from the seed. */
export interface Plan {
  readonly seed: number;
  readonly shards: ShardKind;
  readonly routers: number;
  /** Its shards that take part keep house. */
  readonly keepsHouse: boolean;
  /** One key has always a call of some seconds under way. */
  readonly hasSlowCalls: boolean;
  /** Changes go in waves of very few streams, and more clients watch. */
  readonly waves: boolean;
  readonly changes: readonly PlannedChange[];
  readonly faults: readonly PlannedFault[];
}

export interface PlanOptions {
  readonly changes?: number | undefined;
  readonly shards?: ShardKind | undefined;
  readonly faults?: boolean | undefined;
  readonly waves?: boolean | undefined;
}

/** How many changes a run has: as long as a minute or two, so that what is left of one can harm a later one. */
export const CHANGES_A_RUN = 20;
/** Every so-manieth run is without faults: in it nothing may fail at all. */
const CALM_EVERY = 5;
const MAX_FAULTS = 100;
const LONG_FAULT_MS = 7000;
/** Few last for minutes: longer than whatever waits for anything. */
const LONGEST_FAULT_MS = 120_000;
const LONGEST_SHARE = 0.03;
/** Faults that strike where a handoff is between two steps. */
const AT_STEP_SHARE = 0.4;
/** Mean times between the beginnings of two faults: in some runs everything breaks at once, in most now and then something does. */
const FAULT_EVERY_MS = [700, 2000, 4000] as const;

const FAULTS: ReadonlyArray<readonly [kind: FaultKind, weight: number]> = [
  ['kill router', 3],
  ['twin router', 1],
  ['stop router', 3],
  ['end router', 2],
  ['kill shard', 3],
  ['stop shard', 3],
  ['kill store', 1],
  ['stop store', 1],
  ['kill operator', 2],
  ['compact store', 2],
  ['restore store', 1],
  ['cut router from store', 3],
  ['cut shard from store', 3],
  ['cut router from shard', 2],
];

const HOUSEKEEPING_SHARE = 0.25;
const SLOW_CALLS_SHARE = 0.15;
const SHARD_KINDS: readonly ShardKind[] = ['fencing', 'fencing', 'plain', 'plain', 'mixed'];
/** Each as often as its weight says. */
const KINDS = FAULTS.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
const LINKS = ['silent', 'reset', 'lossy', 'slow', 'twice'] as const;

const CHANGES: ReadonlyArray<readonly [kind: PlannedChange['kind'], weight: number]> = [
  ['join', 6],
  ['leave', 6],
  ['weight', 6],
  ['pin', 6],
  ['move', 6],
  ['failover', 3],
  ['consistency', 3],
  ['force', 1],
  ['delete', 1],
];
const CHANGE_KINDS = CHANGES.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));

export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const random = seeded(seed * 2 + 1);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  // Asked in any case, so that the rest of a plan does not depend on what is given.
  const kind = pick(SHARD_KINDS);
  const shards = options.shards ?? kind;
  const routers = 2 + Math.floor(random() * 2);
  const begun = Array.from({ length: options.changes ?? CHANGES_A_RUN }, () => ({
    kind: pick(CHANGE_KINDS),
    afterMs: 20 + 300 * random(),
    choice: random(),
  }));
  const interruptions = seeded(seed * 2 + 2);
  const waves = options.waves ?? interruptions() < 0.6;
  const changes = begun.map((change): PlannedChange => {
    const [chance, afterMs] = [interruptions(), 400 * interruptions() ** 2];
    const by = !waves || chance < 0.7 ? 'nothing' : chance < 0.85 ? 'pause' : 'giving up';
    return { ...change, interrupted: { by, afterMs } };
  });
  const faults: PlannedFault[] = [];
  const everyMs = pick(FAULT_EVERY_MS);
  let atMs = 0;
  while (faults.length < MAX_FAULTS) {
    atMs += 2 * everyMs * random();
    const kind = pick(KINDS);
    // Many are short, some are longer than any lease.
    const longestMs = random() < LONGEST_SHARE ? LONGEST_FAULT_MS : LONG_FAULT_MS;
    const lastsMs = 20 + longestMs * random() ** 2;
    faults.push({ kind, atMs, lastsMs, isAtStep: random() < AT_STEP_SHARE, choice: random(), link: pick(LINKS) });
  }
  const keepsHouse = random() < HOUSEKEEPING_SHARE;
  // What shards that take part are asked takes one turn.
  const hasSlowCalls = random() < SLOW_CALLS_SHARE && shards === 'plain';
  const hasFaults = options.faults ?? seed % CALM_EVERY !== 0;
  return { seed, shards, routers, keepsHouse, hasSlowCalls, waves, changes, faults: hasFaults ? faults : [] };
}

import { seeded } from '../../src/load/seeded.ts';
import { type Moment, moments } from './judge/truth.ts';
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
  | 'cut operator from store'
  | 'cut shard from store'
  | 'cut rack from store'
  | 'cut router from shard';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** After the changes have begun. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** It strikes after the next such step of a handoff from then on; `write`: where a shard is about to write; null: at its time. */
  readonly moment: Moment | 'any' | 'write' | null;
  /** How long after that. */
  readonly afterMs: number;
  /** It strikes a shard that loses keys by the handoff, where one is to be struck. */
  readonly isAtLosing: boolean;
  /** Which of those that there are: between 0 and 1. */
  readonly choice: number;
  readonly link: LinkFault['kind'] | 'slow one way';
}

/** All that is decided before a run begins. The rest follows from it, and from the seed. */
export interface Plan {
  readonly seed: number;
  readonly shards: ShardKind;
  readonly routers: number;
  /** Its shards that take part do housekeeping. */
  readonly hasHousekeeping: boolean;
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
const CHANGES_A_RUN = 20;
/** Every fifth run is without faults: nothing may fail in it. */
const CALM_EVERY = 5;
const MAX_FAULTS = 100;
const LONG_FAULT_MS = 9000;
/** Few last for minutes: longer than whatever waits for anything. */
const LONGEST_FAULT_MS = 60_000;
const LONGEST_SHARE = 0.03;
/** Of the racks that are cut off, the share that stays so beyond lease and failover: only then do others get the shard's keys meanwhile. */
const LONG_RACK_SHARE = 0.6;
const LONG_RACK_MS = 5000;
/**
 * While a cluster is eventual, its routers need no leases. Of what strikes then the share that cuts a router off, mostly until the cluster is strict
 * again and keys have moved; and within which time it strikes.
 */
const AWAY_SHARE = 0.5;
const AWAY_MS = 5000;
const WHILE_EVENTUAL_MS = 500;
/** Faults that strike where a handoff is between two steps, and of these the ones that do so at a certain one. */
const AT_STEP_SHARE = 0.5;
const CERTAIN_STEP_SHARE = 0.6;
/** What strikes at a step does so within this time after it, mostly at once: before others have heard of it, or while they act. */
const AFTER_STEP_MS = 30;
const AT_LOSING_SHARE = 0.5;
/** Of the faults that stop a shard those that do so between what it decides by and what it writes. */
const MID_WRITE_SHARE = 0.3;
/** The share of restored backups that somebody does not learn of, because it was cut off before. */
const CUT_DURING_RESTORE_SHARE = 0.6;
const CUT_BEFORE_RESTORE_MS = 1000;
/** A shard that takes part serves beyond its lease only what a router sends that hears nothing either. */
const CUTS = {
  plain: ['cut router from store'],
  fencing: ['cut rack from store', 'cut rack from store', 'cut router from store', 'cut shard from store'],
  mixed: ['cut rack from store', 'cut router from store', 'cut shard from store'],
} as const;
/** Of these the ones that are routers that were started again since the backup was made. */
const RESTARTED_SHARE = 0.5;
const RESTART_MS = 50;
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
  ['cut operator from store', 1],
  ['cut shard from store', 3],
  ['cut rack from store', 4],
  ['cut router from shard', 2],
];

/**
 * In half of the runs only a few kinds of faults strike, so that others do not hide what these lead to, and keep no change from going on meanwhile
 * (Groce et al., "Swarm Testing", ISSTA 2012).
 */
const FEW_KINDS_SHARE = 0.5;
const FEW_KINDS = 3;
/** A change in waves is several handoffs. */
const WAVES_SHARE = 0.4;
const HOUSEKEEPING_SHARE = 0.25;
const SLOW_CALLS_SHARE = 0.15;
const SHARD_KINDS: readonly ShardKind[] = ['fencing', 'fencing', 'plain', 'plain', 'mixed'];
/** Each as often as its weight says. */
const KINDS = FAULTS.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
const LINKS = ['silent', 'reset', 'lossy', 'slow', 'slow one way', 'twice'] as const;

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
  const pick = <Item>(items: readonly Item[]): Item => pickOf(items, random);
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
  const waves = options.waves ?? interruptions() < WAVES_SHARE;
  const changes = begun.map((change): PlannedChange => {
    const [chance, afterMs] = [interruptions(), 400 * interruptions() ** 2];
    const by = !waves || chance < 0.7 ? 'nothing' : chance < 0.85 ? 'pause' : 'giving up';
    return { ...change, interrupted: { by, afterMs } };
  });
  const faults = faultsBy(random, shards);
  const hasHousekeeping = random() < HOUSEKEEPING_SHARE;
  // What shards that take part are asked takes one turn.
  const hasSlowCalls = random() < SLOW_CALLS_SHARE && shards === 'plain';
  const hasFaults = options.faults ?? seed % CALM_EVERY !== 0;
  return { seed, shards, routers, hasHousekeeping, hasSlowCalls, waves, changes, faults: hasFaults ? faults : [] };
}

function faultsBy(random: () => number, shards: ShardKind): PlannedFault[] {
  const pick = <Item>(items: readonly Item[]): Item => pickOf(items, random);
  const faults: PlannedFault[] = [];
  const everyMs = pick(FAULT_EVERY_MS);
  const few = Array.from({ length: 1 + Math.floor(random() * FEW_KINDS) }, () => pick(KINDS));
  const kinds = random() < FEW_KINDS_SHARE ? few : KINDS;
  let atMs = 0;
  while (faults.length < MAX_FAULTS) {
    atMs += 2 * everyMs * random();
    // Many are short, some are longer than any lease.
    const longestMs = random() < LONGEST_SHARE ? LONGEST_FAULT_MS : LONG_FAULT_MS;
    const certain = random() < CERTAIN_STEP_SHARE ? pick(moments) : 'any';
    let fault: PlannedFault = {
      kind: pick(kinds),
      atMs,
      lastsMs: 20 + longestMs * random() ** 2,
      moment: random() < AT_STEP_SHARE ? certain : null,
      afterMs: AFTER_STEP_MS * random() ** 2,
      isAtLosing: random() < AT_LOSING_SHARE,
      choice: random(),
      link: pick(LINKS),
    };
    // Whoever makes a change does not hear whether it has begun.
    if (fault.kind === 'cut operator from store') fault = { ...fault, moment: 'stage' };
    if (fault.moment === 'eventual') fault = whileEventual(fault, random);
    const isLongRack = fault.kind === 'cut rack from store' && random() < LONG_RACK_SHARE;
    if (isLongRack) fault = { ...fault, lastsMs: fault.lastsMs + LONG_RACK_MS };
    const isMidWrite = fault.kind === 'stop shard' && random() < MID_WRITE_SHARE;
    if (fault.kind === 'restore store' && random() < CUT_DURING_RESTORE_SHARE)
      faults.push(...cutDuringRestore({ ...fault, moment: null }, random, shards));
    else faults.push(isMidWrite ? { ...fault, moment: 'write' } : fault);
  }
  return faults;
}

function whileEventual(fault: PlannedFault, random: () => number): PlannedFault {
  const strikes = { ...fault, afterMs: WHILE_EVENTUAL_MS * random() };
  if (random() >= AWAY_SHARE) return strikes;
  return { ...strikes, kind: 'cut router from store', lastsMs: fault.lastsMs + AWAY_MS };
}

/** Some do not hear that the store went back, and go on by what they had of it; of a router that was started again meanwhile the backup knows nothing. */
function cutDuringRestore(restore: PlannedFault, random: () => number, shards: ShardKind): PlannedFault[] {
  const beforeMs = CUT_BEFORE_RESTORE_MS * random();
  const isRestarted = shards !== 'fencing' && random() < RESTARTED_SHARE;
  const cut: PlannedFault = {
    ...restore,
    kind: isRestarted ? 'cut router from store' : pickOf(CUTS[shards], random),
    atMs: restore.atMs + Math.max(0, restore.lastsMs - beforeMs),
    lastsMs: beforeMs + LONG_FAULT_MS * random(),
    choice: random(),
    link: random() < 0.5 ? 'silent' : 'reset',
  };
  const restart: PlannedFault = { ...cut, kind: 'kill router', atMs: restore.atMs, lastsMs: RESTART_MS };
  return isRestarted ? [restore, restart, cut] : [restore, cut];
}

function pickOf<Item>(items: readonly Item[], random: () => number): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

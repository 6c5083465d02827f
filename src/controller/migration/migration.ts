import type { SlotRange } from '../../topology/index.ts';
import type { SlotOnItsWay } from '../engine.ts';
import { countSlots, slotsIn, slotsOfRanges } from './slot-sets.ts';

/** Slots that their nodes are moving, as far as whoever goes on has to know. */
export interface OpenSlots {
  /** Those that may have keys yet at their old owner. */
  readonly moving: readonly SlotRange[];
  /** Those whose keys have all moved: from now on their new owner is told that it is the owner. */
  readonly settling: readonly SlotRange[];
  /**
   * The run of the server that had them when their move was begun. As long as that has them, what it has of a key is the latest; a replica that has taken
   * over from it, or the same node that was started again from older data, may have keys again that were gone.
   */
  readonly run: string;
}

/** `paused`, `cancelled`: the slots that are on their way are moved, and no others. `failed`: not even these. */
export type MigrationState = 'queued' | 'paused' | 'cancelled' | 'failed' | 'done';

/** Slots that move from one shard to another, some at a time. */
export interface Migration {
  /** Unique in its cluster. */
  readonly id: number;
  readonly from: string;
  readonly to: string;
  /** Without their data, only slots move that have none. */
  readonly withData: boolean;
  /** No more keys than this in a second; null: as many as leave the servers half of their time. */
  readonly keysPerSecond: number | null;
  /** The slots that have yet to move. */
  readonly left: readonly SlotRange[];
  /** The slots that the nodes have moved, and the topology has not. */
  readonly settled: readonly SlotRange[];
  /** Those that have yet to move, and of which the nodes have been told something; null: none. */
  readonly open: OpenSlots | null;
  readonly state: MigrationState;
  /** How many slots it is about, and how many keys have moved so far. */
  readonly slots: number;
  readonly movedKeys: number;
  /** Why it does not go on, for people; null: it does. */
  readonly reason: string | null;
}

/** What people want to be moved. */
export interface WantedMove extends Pick<Migration, 'from' | 'to' | 'withData' | 'keysPerSecond'> {
  readonly slots: readonly SlotRange[];
}

/** A shard that joins a cluster before slots move to it, or leaves it once it has none. */
export interface ShardStep {
  readonly kind: 'join' | 'leave';
  readonly shard: string;
  /** Of one that joins, the primary first; of one that leaves, what it has when it does. Ids are not known before. */
  readonly nodes: ReadonlyArray<{ readonly address: string; readonly id?: string | undefined }>;
}

/** A cluster's migrations, in the order in which they came. Those of the same two shards go one after the other. */
export interface MigrationQueue {
  readonly nextId: number;
  readonly migrations: readonly Migration[];
  readonly steps: readonly ShardStep[];
}

export const EMPTY_QUEUE: MigrationQueue = { nextId: 1, migrations: [], steps: [] };

/** A registry takes no entry of any size. */
const MAX_OPEN = 256;
/** What is over stays to be looked at, but not for ever. */
const MAX_OVER = 16;

/** What people want of a queue cannot be. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

/** Whether nothing of it is left to be done. */
export function isOver({ state, open, settled }: Migration): boolean {
  return (state === 'done' || state === 'failed' || state === 'cancelled') && open === null && settled.length === 0;
}

/** @throws MigrationRefused where a slot or a node is in another one already, or there are too many */
export function queued(
  queue: MigrationQueue,
  wanted: readonly WantedMove[],
  steps: readonly ShardStep[] = [],
): MigrationQueue {
  const [known] = steps.filter(({ shard }) => queue.steps.some((each) => each.shard === shard));
  if (known !== undefined) throw new MigrationRefused(`shard ${known.shard} is joining or leaving already`);
  const queuedNodes = queue.steps.flatMap(({ shard, nodes }) => nodes.map(({ address }) => ({ address, shard })));
  const wantedNodes = new Set(steps.flatMap(({ nodes }) => nodes.map(({ address }) => address)));
  const busy = queuedNodes.find(({ address }) => wantedNodes.has(address));
  if (busy !== undefined)
    throw new MigrationRefused(`${busy.address} is joining or leaving already, with ${busy.shard}`);
  const open = queue.migrations.filter((each) => !isOver(each));
  if (open.length + wanted.length > MAX_OPEN)
    throw new MigrationRefused(`${open.length} migrations are under way; at most ${MAX_OPEN} can be`);
  for (const { slots } of wanted) {
    const refusal = whyTaken(slots, open);
    if (refusal !== null) throw new MigrationRefused(refusal);
  }
  const added = wanted.map(
    ({ slots, ...move }, i): Migration => ({
      ...move,
      id: queue.nextId + i,
      left: slots,
      settled: [],
      open: null,
      state: 'queued',
      slots: countSlots(slots),
      movedKeys: 0,
      reason: null,
    }),
  );
  return trimmed({
    nextId: queue.nextId + added.length,
    migrations: [...queue.migrations, ...added],
    steps: [...queue.steps, ...steps],
  });
}

/** @returns null where none of the slots is in one of the migrations that are not over */
function whyTaken(slots: readonly SlotRange[], migrations: readonly Migration[]): string | null {
  const wanted = new Set(slotsOfRanges(slots));
  for (const each of migrations) {
    const slot = isOver(each)
      ? undefined
      : slotsOfRanges([...each.left, ...each.settled]).find((one) => wanted.has(one));
    if (slot !== undefined) return `slot ${slot} is in migration ${each.id} already; cancel that first`;
  }
  return null;
}

/** The same queue without what has been over for longest. */
export function trimmed({ migrations, ...rest }: MigrationQueue): MigrationQueue {
  const over = migrations.filter(isOver);
  const out = new Set(over.slice(0, Math.max(0, over.length - MAX_OVER)));
  return { ...rest, migrations: migrations.filter((each) => !out.has(each)) };
}

/** The same queue with one migration changed; unchanged where it is not there any more. */
export function changed(
  queue: MigrationQueue,
  id: number,
  change: (migration: Migration) => Migration,
): MigrationQueue {
  const migrations = queue.migrations.map((each) => (each.id === id ? change(each) : each));
  return { ...queue, migrations };
}

const VERBS = {
  pause: { from: ['queued'], to: 'paused' },
  resume: { from: ['paused', 'failed'], to: 'queued' },
  cancel: { from: ['queued', 'paused', 'failed'], to: 'cancelled' },
} as const satisfies Readonly<
  Record<string, { readonly from: readonly MigrationState[]; readonly to: MigrationState }>
>;

/** What people can have a migration do. */
export type MigrationVerb = keyof typeof VERBS;
export const MIGRATION_VERBS = Object.keys(VERBS) as readonly MigrationVerb[];

/**
 * Has migrations pause, go on or be given up.
 * @param id of one; null: all that this can be done to
 * @throws MigrationRefused where it cannot be done to the one that is named
 */
export function directed(queue: MigrationQueue, verb: MigrationVerb, id: number | null): MigrationQueue {
  const { from, to } = VERBS[verb];
  const isMeant = (each: Migration): boolean =>
    (id === null || each.id === id) && (from as readonly MigrationState[]).includes(each.state) && each.left.length > 0;
  const [one] = queue.migrations.filter((each) => each.id === id);
  if (id !== null && one === undefined) throw new MigrationRefused(`there is no migration ${id}`);
  if (one !== undefined && !isMeant(one)) throw new MigrationRefused(`migration ${id} is ${one.state}`);
  const migrations = [...queue.migrations];
  const keepsSlots = new Set<string>();
  for (const [i, each] of queue.migrations.entries()) {
    if (!isMeant(each)) continue;
    // The slots of one that has failed may be in another since.
    const refusal = isOver(each) && to === 'queued' ? whyTaken(each.left, migrations) : null;
    if (refusal === null) migrations[i] = { ...each, state: to, reason: null };
    else if (id !== null) throw new MigrationRefused(refusal);
    if (verb === 'cancel') keepsSlots.add(each.from);
  }
  // A shard whose slots stay does not leave: not even if they are moved for another reason some time.
  const steps = queue.steps.filter(({ kind, shard }) => kind === 'join' || !keepsSlots.has(shard));
  // What is on its way between two shards is completed, and these stay.
  return { ...queue, migrations, steps: verb === 'cancel' && id === null ? [] : steps };
}

/** Whether a migration has something to move, as people want it. */
export function goesOn({ state, open, left }: Migration): boolean {
  return open === null ? state === 'queued' && left.length > 0 : state !== 'failed';
}

/**
 * The migrations that go on now: those whose shards are in no migration before them.
 */
export function runnable({ migrations, steps }: MigrationQueue): Migration[] {
  // One that has not joined yet.
  const busy = new Set(steps.filter(({ kind }) => kind === 'join').map(({ shard }) => shard));
  return migrations.filter((each) => {
    if (!goesOn(each) || busy.has(each.from) || busy.has(each.to)) return false;
    busy.add(each.from).add(each.to);
    return true;
  });
}

/** The slots that the nodes have begun to move, and those that they have moved and the topology has not. */
export function onTheirWay({ migrations }: MigrationQueue): SlotOnItsWay[] {
  return migrations.flatMap(({ from, to, open, settled }) => [
    ...slotsOfRanges(open?.moving ?? []).map((slot) => ({ slot, from, to, isSettling: false })),
    ...slotsOfRanges([...(open?.settling ?? []), ...settled]).map((slot) => ({ slot, from, to, isSettling: true })),
  ]);
}

/** A migration whose slots that were settling the nodes have moved. */
export function openSettled(migration: Migration): Migration {
  const { left, settled, open } = migration;
  if (open === null) return migration;
  const moved = slotsOfRanges(open.settling);
  const isMoved = new Set(moved);
  return {
    ...migration,
    left: slotsIn(slotsOfRanges(left).filter((slot) => !isMoved.has(slot))),
    settled: slotsIn([...slotsOfRanges(settled), ...moved]),
    open: open.moving.length === 0 ? null : { ...open, settling: [] },
    reason: null,
  };
}

/** A migration of which the topology has some of the slots that the nodes have moved. */
export function slotsStored(migration: Migration, stored: readonly SlotRange[]): Migration {
  const isStored = new Set(slotsOfRanges(stored));
  const settled = slotsIn(slotsOfRanges(migration.settled).filter((slot) => !isStored.has(slot)));
  const isDone = settled.length === 0 && migration.left.length === 0;
  return { ...migration, settled, state: isDone ? 'done' : migration.state };
}

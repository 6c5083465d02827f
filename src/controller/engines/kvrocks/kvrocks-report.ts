import { parseSlotRanges, type SlotRange } from '../../../topology/index.ts';
import type { NodeState, ReplicaLink } from '../../engine.ts';
import type { OwnLine } from '../redis/node-report.ts';

/** Slots that a node moves to another one, or takes from one, as CLUSTER INFO has it. */
export interface MovingSlots {
  readonly slots: readonly SlotRange[];
  readonly state: string;
}

/** Slots that a master moves, and to which node. */
export interface Migrating extends MovingSlots {
  /** An id. */
  readonly destination: string;
}

/** The slots that a master moves, or has moved last; null: it has moved none. Its states are `start`, `success` and `fail`. */
export function migrationIn(fields: ReadonlyMap<string, string>): Migrating | null {
  const moving = movingIn(fields, 'migrating_slot', 'migrating_state');
  return moving === null ? null : { ...moving, destination: fields.get('destination_node')?.trim() ?? '' };
}

/** The slots that a master takes over, or has taken over last; null: it has taken none. Its states are `start`, `success` and `error`. */
export function importIn(fields: ReadonlyMap<string, string>): MovingSlots | null {
  return movingIn(fields, 'importing_slot', 'import_state');
}

/** Releases before 2.9 move one slot at a time, and name the field for one. */
function movingIn(fields: ReadonlyMap<string, string>, name: string, stateName: string): MovingSlots | null {
  const text = fields.get(`${name}(s)`) ?? fields.get(name);
  const state = fields.get(stateName)?.trim();
  if (text === undefined || state === undefined) return null;
  // -1 stands for none.
  const slots = parseSlotRanges(text.trim());
  return typeof slots === 'string' ? null : { slots, state };
}

export function covers({ slots }: MovingSlots, slot: number): boolean {
  return slots.some(([first, last]) => first <= slot && slot <= last);
}

function numberIn(fields: ReadonlyMap<string, string>, name: string): number | null {
  const value = Number(fields.get(name) ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

/** How far the data of a node is, by INFO replication: the number of its last change. A replica counts on where its master has counted. */
export function offsetIn(replication: ReadonlyMap<string, string>): number {
  return numberIn(replication, 'master_repl_offset') ?? 0;
}

/** Its version stands for the epoch: of what two nodes say, that of the newer version counts. */
export function readKvrocksState(
  { role, follows, slots }: OwnLine,
  replication: ReadonlyMap<string, string>,
  version: number,
): NodeState {
  const link = role === 'primary' ? null : linkIn(replication);
  return { role, follows, slots, epoch: version, offset: offsetIn(replication), isClusterOk: true, link };
}

/** A replica that has never heard of its master counts from 1970. */
const NEVER_S = 1_000_000_000;

function linkIn(replication: ReadonlyMap<string, string>): ReplicaLink {
  const seconds = numberIn(replication, 'master_last_io_seconds_ago');
  const heardAgoMs = seconds === null || seconds < 0 || seconds > NEVER_S ? null : seconds * 1000;
  // It does not say since when its link is down: it has heard nothing since then.
  const isUp = replication.get('master_link_status') === 'up';
  return {
    downMs: isUp ? 0 : (heardAgoMs ?? Number.POSITIVE_INFINITY),
    heardAgoMs,
    isSyncing: replication.get('master_sync_in_progress') === '1',
  };
}

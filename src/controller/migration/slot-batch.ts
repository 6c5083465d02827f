import type { Node } from '../../topology/index.ts';
import { SlotMoveError, type SlotMover, SlotStuck } from '../engine.ts';
import { type Migration, openSettled } from './migration.ts';
import type { Pace } from './pace.ts';
import { slotsIn, slotsOfRanges } from './slot-sets.ts';

/** So often people see how far it has come. */
const PROGRESS_MS = 1000;

/** Servers that move slots by themselves are asked so often whether they are done. */
const LOOK_MS = 50;

/** The nodes of a migration, by the topology of the moment. */
export interface Way {
  readonly from: Node;
  readonly to: Node;
  readonly others: readonly Node[];
}

/** What a batch needs of whoever carries it out. */
export interface Course {
  readonly clock: () => number;
  /** Whether the term goes on, and the slots of both shards may move. */
  mayMove(): boolean;
  /** Changes the migration in the registry. @returns it as it is then; undefined: it is not there any more. @throws QueueNotWritten */
  change(change: (migration: Migration) => Migration): Promise<Migration | undefined>;
  pause(waitMs: number): Promise<void>;
}

/** Where slots are, by the word of both nodes. */
interface Whereabouts {
  readonly atTarget: ReadonlySet<number>;
  readonly atSource: ReadonlySet<number>;
}

/**
 * Moves slots of a migration together: what it begins with all of them is one change of the registry, before any node is told, and their nodes are
 * told everything at once. The keys of a batch are few, unless it is one slot: for as long as a slot is on its way, clients are sent from one node to the
 * other for what they do not find.
 */
export class SlotBatch {
  readonly #mover: SlotMover;
  readonly #way: Way;
  readonly #course: Course;
  readonly #pace: Pace;

  constructor(mover: SlotMover, way: Way, course: Course, pace: Pace) {
    this.#mover = mover;
    this.#way = way;
    this.#course = course;
    this.#pace = pace;
  }

  /**
   * Moves the slots that are on their way, or else some that come next.
   * @param next in their order; at least one where none is on its way
   * @returns the migration as it is then; undefined: nothing is to be done any more, or not now
   * @throws SlotMoveError, RespClientError
   */
  async move(migration: Migration, next: readonly number[]): Promise<Migration | undefined> {
    // Whoever began it may have died, or seen an error, at any point; and somebody else may have moved some of it.
    const where = await this.#look(migration.open === null ? next : slotsOfRanges(migration.open.moving));
    const begun = migration.open === null ? await this.#begin(migration, next, where) : migration;
    if (begun?.open == null || !this.#course.mayMove()) return undefined;
    const moving = slotsOfRanges(begun.open.moving);
    if (moving.length === 0) return this.#settle(begun);
    const own = moving.filter((slot) => where.atSource.has(slot));
    // Where others can go on, they do not wait for one that was taken away.
    const missing = moving.filter((slot) => !where.atSource.has(slot) && !where.atTarget.has(slot));
    if (missing.length === moving.length) throw this.#neitherHas(missing[0] as number);
    if (own.length > 0) await this.#mover.open(own, this.#way.from, this.#way.to);
    return this.#empty(moving, own, missing, begun.open.run);
  }

  async #look(slots: readonly number[]): Promise<Whereabouts> {
    const none: ReadonlySet<number> = new Set();
    const atTarget = slots.length === 0 ? none : await this.#mover.owned(this.#way.to, slots);
    const others = slots.filter((slot) => !atTarget.has(slot));
    return { atTarget, atSource: others.length === 0 ? none : await this.#mover.owned(this.#way.from, others) };
  }

  #neitherHas(slot: number): SlotMoveError {
    const { from, to } = this.#way;
    return new SlotMoveError(`neither ${from.address} nor ${to.address} has slot ${slot}, by its own word`);
  }

  /** Has the registry say which slots are on their way from now on. */
  async #begin(
    { withData }: Migration,
    next: readonly number[],
    { atTarget, atSource }: Whereabouts,
  ): Promise<Migration | undefined> {
    const { from } = this.#way;
    const first = next[0] as number;
    // The run of the source is asked for where its keys move.
    let open = { moving: slotsIn([]), settling: slotsIn(leading(next, (slot) => atTarget.has(slot))), run: '' };
    if (!atTarget.has(first)) {
      if (!atSource.has(first)) throw this.#neitherHas(first);
      const slots = leading(next, (slot) => atSource.has(slot));
      const batch = withData ? await this.#withFewKeys(slots) : await this.#withoutKeys(slots);
      open = { moving: slotsIn(batch), settling: [], run: await this.#mover.runOf(from) };
    }
    // People may have stopped it in this moment.
    return this.#course.change((each) => (each.state === 'queued' ? { ...each, open } : each));
  }

  /** The first of some slots, as many as have few keys together; at least one. */
  async #withFewKeys(slots: readonly number[]): Promise<readonly number[]> {
    if (slots.length === 1) return slots;
    let keys = 0;
    const few = leading(await this.#mover.countKeys(slots, this.#way.from), (count) => {
      keys += count;
      return keys <= this.#pace.keysTogether;
    });
    return slots.slice(0, Math.max(1, few.length));
  }

  /** Before any node is told: an opened slot has no new keys any more at its old owner. @throws SlotMoveError where the first one has keys */
  async #withoutKeys(slots: readonly number[]): Promise<readonly number[]> {
    const { from } = this.#way;
    const counts = await this.#mover.countKeys(slots, from);
    const empty = leading(counts, (count) => count === 0);
    if (empty.length === 0)
      throw new SlotMoveError(`slot ${slots[0]} has ${counts[0]} keys at ${from.address}; move it with its keys`, true);
    return slots.slice(0, empty.length);
  }

  /**
   * Moves the keys of opened slots, and then the slots.
   * @param own those of them that are at their old owner
   * @param missing those that are at neither
   */
  async #empty(
    moving: readonly number[],
    own: readonly number[],
    missing: readonly number[],
    run: string,
  ): Promise<Migration | undefined> {
    const done = await this.#moveKeys(own, run);
    if (done === null) return undefined;
    const { stuck, unsaid } = done;
    const isStuck = new Set([...missing, ...stuck.map(({ slot }) => slot)]);
    const emptied = moving.filter((slot) => !isStuck.has(slot));
    const now = await this.#course.change((each) => ({
      ...each,
      movedKeys: each.movedKeys + unsaid,
      // Others may have been settling when a controller before this one died.
      open: each.open && {
        ...each.open,
        moving: slotsIn(isStuck),
        settling: slotsIn([...slotsOfRanges(each.open.settling), ...emptied]),
      },
    }));
    const after = now?.open == null || !this.#course.mayMove() ? undefined : await this.#settle(now);
    if (stuck[0] !== undefined) throw stuck[0];
    if (missing[0] !== undefined) throw this.#neitherHas(missing[0]);
    return after;
  }

  /** @returns the slots that are stuck, and how many keys people have not been told of; null: it is held, or the term is over */
  async #moveKeys(
    own: readonly number[],
    run: string,
  ): Promise<{ readonly stuck: readonly SlotStuck[]; readonly unsaid: number } | null> {
    const { from, to } = this.#way;
    const stuck: SlotStuck[] = [];
    let left = own;
    let [unsaid, saidMs] = [0, this.#course.clock()];
    while (left.length > 0) {
      if (!this.#course.mayMove()) return null;
      this.#pace.begin();
      const moved = await this.#mover.moveKeys(left, from, to, this.#pace.keys, run).catch((error: unknown) => {
        if (error instanceof SlotStuck && left.includes(error.slot)) return error;
        throw error;
      });
      if (moved instanceof SlotStuck) {
        stuck.push(moved);
        left = left.filter((slot) => slot !== moved.slot);
        continue;
      }
      if (moved === 0) break;
      if (moved === null) {
        await this.#course.pause(LOOK_MS);
        continue;
      }
      unsaid += moved;
      if (this.#course.clock() - saidMs >= PROGRESS_MS) {
        const said = unsaid;
        await this.#course.change((each) => ({ ...each, movedKeys: each.movedKeys + said, reason: null }));
        [unsaid, saidMs] = [0, this.#course.clock()];
      }
      await this.#course.pause(this.#pace.end(moved));
    }
    return { stuck, unsaid };
  }

  async #settle(migration: Migration): Promise<Migration | undefined> {
    const { from, to, others } = this.#way;
    const slots = slotsOfRanges(migration.open?.settling ?? []);
    if (slots.length > 0) await this.#mover.settle(slots, from, to, others);
    return this.#course.change(openSettled);
  }
}

/** The first ones, up to one that does not hold. */
function leading(numbers: readonly number[], holds: (number: number) => boolean): number[] {
  const end = numbers.findIndex((each) => !holds(each));
  return end === -1 ? [...numbers] : numbers.slice(0, end);
}

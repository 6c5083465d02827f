import { withSlots } from '../../discovery/index.ts';
import { changeTopology } from '../../handoff/index.ts';
import type { Registry } from '../../registry/index.ts';
import { RespClientError } from '../../resp/index.ts';
import { type Node, nodesOf, type Topology, type TopologyName } from '../../topology/index.ts';
import { type ShardKeeper, SlotMoveError, type SlotMover } from '../engine.ts';
import type { ClusterLog, Leader, MovingTerm } from '../leader.ts';
import { EndedMigrations } from './ended-migrations.ts';
import { changed, goesOn, type Migration, runnable, slotsStored } from './migration.ts';
import { Pace } from './pace.ts';
import { ShardSteps } from './shard-steps.ts';
import { type Course, SlotBatch, type Way } from './slot-batch.ts';
import { countSlots, slotsOfRanges } from './slot-sets.ts';
import { StoredQueue } from './stored-queue.ts';

/** So often it is looked whether people want something moved. */
const LOOK_MS = 500;
/** After something that may be otherwise the next time, such as a node that is away. */
const RETRY_MS = 1000;
/**
 * So many slots, or for so long, the nodes move slots before the topology has them at their new owners. Until then routers learn where a slot is from
 * its old owner, which costs a command another way; and each version costs a handoff.
 */
const MAX_SLOTS_A_VERSION = 256;
const MAX_MS_A_VERSION = 5000;
/** No node is left that a slot could be opened or completed at. */
class ShardGone extends SlotMoveError {}

/** A migration some of whose slots are being moved. */
interface UnderWay {
  readonly migration: Migration;
  readonly ended: Promise<unknown>;
}

/** Carries a cluster's migrations out, for one term. Whatever it has begun is in the queue before any node is told. */
export class MigrationRunner {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #mover: SlotMover;
  readonly #leader: Leader;
  readonly #log: ClusterLog;
  readonly #queue: StoredQueue;
  readonly #steps: ShardSteps;
  readonly #ended = new EndedMigrations();
  /** By the ids of migrations. */
  readonly #underWay = new Map<number, UnderWay>();
  #held: ReadonlySet<string> = new Set();
  /** Ends once nothing is being stored. */
  #storing: Promise<void> = Promise.resolve();

  constructor(
    registry: Registry,
    name: TopologyName,
    mover: SlotMover,
    keeper: ShardKeeper,
    leader: Leader,
    log: ClusterLog,
  ) {
    this.#registry = registry;
    this.#name = name;
    this.#mover = mover;
    this.#leader = leader;
    this.#log = log;
    this.#queue = new StoredQueue(registry, name);
    this.#steps = new ShardSteps(registry, this.#queue, keeper, leader, log);
  }

  /**
   * Moves some slots of each migration that can go on, and has the topology follow.
   * @returns for how long nothing is to be done
   * @throws as `changeTopology` does; QueueNotWritten where the term is over
   */
  async turn(term: MovingTerm, until: AbortSignal): Promise<number> {
    const queue = await this.#queue.read();
    for (const event of this.#ended.changes(queue)) this.#log.onEvent(event);
    if (queue.migrations.some(({ settled }) => settled.length > 0)) await this.#storeNext(term, until);
    const topology = queue.steps.length === 0 ? null : await this.#registry.topologies.read(this.#name);
    if (topology !== null && (await this.#steps.turn(queue, topology, term, until))) return 0;
    const now = runnable(queue).filter((each) => !this.#isHeld(each));
    if (now.length === 0) return LOOK_MS;
    const beginning = new Set(now.map(({ id }) => id));
    const moved = await Promise.allSettled(now.map((each) => this.#movePair(each, beginning, term, until)));
    for (const each of moved) if (each.status === 'rejected') throw each.reason;
    return moved.every((each) => each.status === 'fulfilled' && each.value) ? RETRY_MS : 0;
  }

  /**
   * Moves some slots of a migration, and has the topology follow; and more, as long as another one is still at its first ones.
   * @param beginning the ids of those
   * @returns whether it has to be tried again later
   */
  async #movePair(
    migration: Migration,
    beginning: Set<number>,
    term: MovingTerm,
    until: AbortSignal,
  ): Promise<boolean> {
    const { id } = migration;
    let now: Migration | undefined = migration;
    let isStuck = false;
    while (now !== undefined && !isStuck && goesOn(now)) {
      const ended: Promise<boolean> = this.#moveSome(now, term, until).finally(() => {
        this.#underWay.delete(id);
        beginning.delete(id);
      });
      this.#underWay.set(id, { migration: now, ended });
      isStuck = await ended;
      await this.#storeNext(term, until);
      if (beginning.size === 0 || until.aborted || !term.isLeading || this.#isHeld(now)) break;
      now = (await this.#queue.read()).migrations.find((each) => each.id === id);
    }
    return isStuck;
  }

  /**
   * Has the slots of some shards stay as they are, and those of all others go on. Ended is what moves already by `whenHeld`.
   * @param addresses of nodes that are asked nothing any more
   */
  hold(shards: ReadonlySet<string>, addresses: ReadonlySet<string> = new Set()): void {
    this.#held = shards;
    this.#mover.avoid(addresses);
  }

  /** Whether a slot of a shard that is held is still being moved. */
  get isHeldUnderWay(): boolean {
    return [...this.#underWay.values()].some(({ migration }) => this.#isHeld(migration));
  }

  /** Resolves once no slot of a shard that is held is being moved. */
  async whenHeld(): Promise<void> {
    const held = [...this.#underWay.values()].filter(({ migration }) => this.#isHeld(migration));
    await Promise.allSettled(held.map(({ ended }) => ended));
  }

  #isHeld({ from, to }: Migration): boolean {
    return this.#held.has(from) || this.#held.has(to);
  }

  /** @returns whether it has to be tried again later */
  async #moveSome(migration: Migration, term: MovingTerm, until: AbortSignal): Promise<boolean> {
    const untilMs = this.#leader.clock() + MAX_MS_A_VERSION;
    const pace = new Pace(migration.keysPerSecond, this.#leader.clock);
    const course = this.#courseOf(migration, term, until);
    try {
      let now: Migration | undefined = migration;
      while (now !== undefined && goesOn(now) && course.mayMove()) {
        if (countSlots(now.settled) >= MAX_SLOTS_A_VERSION || this.#leader.clock() >= untilMs) return false;
        const { way, next } = await this.#wayOf(now);
        now = await new SlotBatch(this.#mover, way, course, pace).move(now, next);
      }
      return false;
    } catch (error) {
      if (!(error instanceof SlotMoveError || error instanceof RespClientError)) throw error;
      const isFinal = error instanceof SlotMoveError && error.isFinal;
      this.#log.onFault(`migration ${migration.id}, from ${migration.from} to ${migration.to}: ${error.message}`);
      await course.change((each) => ({
        ...each,
        reason: error.message,
        ...(isFinal ? { state: 'failed' as const } : {}),
        ...(error instanceof ShardGone ? { open: null } : {}),
      }));
      return true;
    }
  }

  #courseOf(migration: Migration, term: MovingTerm, until: AbortSignal): Course {
    return {
      clock: this.#leader.clock,
      mayMove: () => !until.aborted && term.isLeading && !this.#isHeld(migration),
      change: (change) => this.#change(migration.id, term, change),
      pause: (waitMs) => this.#registry.pause(waitMs, until, 0),
    };
  }

  /**
   * The nodes of a migration, and the slots that may move next where none is on its way.
   * @throws SlotMoveError where a shard has gone, or the first slot is another one's
   */
  async #wayOf({ from: source, to: target, open, left }: Migration): Promise<{ way: Way; next: readonly number[] }> {
    const topology = await this.#registry.topologies.read(this.#name);
    const primaries = topology === null ? [] : nodesOf(topology).filter(({ follows }) => follows === null);
    const at = (shard: string): Node => {
      const found = primaries.find((node) => node.shard === shard);
      if (found === undefined) throw new ShardGone(`there is no shard ${shard}`, true);
      return found;
    };
    const [from, to] = [at(source), at(target)];
    const way = { from, to, others: primaries.filter((node) => node !== from && node !== to) };
    const next: number[] = [];
    for (const slot of open === null ? slotsOfRanges(left).slice(0, this.#mover.slotsAtOnce) : []) {
      const owner = topology?.shards.find(({ slots = [] }) =>
        slots.some(([first, last]) => first <= slot && slot <= last),
      );
      if (owner !== undefined && owner.id !== source && owner.id !== target) {
        if (next.length > 0) break;
        throw new SlotMoveError(`slot ${slot} is ${owner.id}'s, not ${source}'s`, true);
      }
      next.push(slot);
    }
    return { way, next };
  }

  async #change(
    id: number,
    term: MovingTerm,
    change: (migration: Migration) => Migration,
  ): Promise<Migration | undefined> {
    const { migrations } = await this.#queue.change((queue) => changed(queue, id, change), term);
    return migrations.find((each) => each.id === id);
  }

  /** Stores what has moved, after what others store. */
  #storeNext(term: MovingTerm, until: AbortSignal): Promise<void> {
    const stored = this.#storing.then(() => this.#store(term, until));
    this.#storing = stored.catch(() => {});
    return stored;
  }

  /** Has the topology say what the nodes have done. */
  async #store(term: MovingTerm, until: AbortSignal): Promise<void> {
    // In this order: where another leader has stored it since, the version is another one by then, and this one is refused.
    const topology = await this.#registry.topologies.read(this.#name);
    const { migrations } = await this.#queue.read();
    const settled = migrations.filter((each) => each.settled.length > 0);
    if (settled.length === 0 || topology === null) return;
    const shards = settled.reduce<Topology['shards']>(
      (all, { settled: ranges, to }) => withSlots({ ...topology, shards: all }, ranges, to),
      topology.shards,
    );
    const count = settled.reduce((sum, each) => sum + countSlots(each.settled), 0);
    const reason = `${count} slots have moved: ${settled.map(({ from, to }) => `from ${from} to ${to}`).join(', ')}`;
    const draft = { ...topology, version: null, shards };
    const { version: expected } = topology;
    const stored = await changeTopology(this.#registry, draft, { expected, reason, signal: until, ...this.#leader });
    this.#log.onCommitted(stored, reason);
    for (const { id, settled: ranges } of settled) await this.#change(id, term, (each) => slotsStored(each, ranges));
  }
}

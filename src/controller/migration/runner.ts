import { withSlots } from '../../discovery/index.ts';
import { changeTopology } from '../../handoff/index.ts';
import type { Registry } from '../../registry/index.ts';
import { RespClientError } from '../../resp/index.ts';
import { type Node, nodesOf, type Topology, type TopologyName } from '../../topology/index.ts';
import { type ShardKeeper, SlotMoveError, type SlotMover } from '../engine.ts';
import type { ClusterLog, Leader, MovingTerm } from '../leader.ts';
import { changed, type Migration, nextSlot, runnable, slotSettled, slotsStored } from './migration.ts';
import { Pace } from './pace.ts';
import { ShardSteps } from './shard-steps.ts';
import { slotsOfRanges } from './slot-sets.ts';
import { StoredQueue } from './stored-queue.ts';

/** So often it is looked whether people want something moved. */
const LOOK_MS = 500;
/** After something that may be otherwise the next time, such as a node that is away. */
const RETRY_MS = 1000;
/**
 * So many slots, or for so long, the nodes move slots before the topology has them at their new owners. Until then routers learn where a slot is from
 * its old owner, which costs a command another way; and each version costs a handoff.
 */
const MAX_SLOTS_A_VERSION = 64;
const MAX_MS_A_VERSION = 5000;
/** So often people see how far it has come. */
const PROGRESS_MS = 1000;

/** The slot of a migration and its nodes, by the topology of the moment. */
interface Way {
  readonly slot: number;
  readonly from: Node;
  readonly to: Node;
  readonly others: readonly Node[];
}

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
  /** By the ids of migrations. */
  readonly #underWay = new Map<number, UnderWay>();
  #held: ReadonlySet<string> = new Set();

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
    if (queue.migrations.some(({ settled }) => settled.length > 0)) await this.#store(term, until);
    const topology = queue.steps.length === 0 ? null : await this.#registry.topologies.read(this.#name);
    if (topology !== null && (await this.#steps.turn(queue, topology, term, until))) return 0;
    const now = runnable(queue).filter((each) => !this.#isHeld(each));
    if (now.length === 0) return LOOK_MS;
    const isStuck = await Promise.all(
      now.map((migration) => {
        const ended = this.#moveSome(migration, term, until).finally(() => this.#underWay.delete(migration.id));
        this.#underWay.set(migration.id, { migration, ended });
        return ended;
      }),
    );
    await this.#store(term, until);
    return isStuck.every((each) => each) ? RETRY_MS : 0;
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
    try {
      let now: Migration | undefined = migration;
      for (let slots = 0; slots < MAX_SLOTS_A_VERSION && this.#leader.clock() < untilMs; slots++) {
        if (now === undefined || until.aborted || !term.isLeading || this.#isHeld(now)) return false;
        const way = await this.#wayOf(now);
        if (way === null) return false;
        now = await this.#moveSlot(now, way, pace, term, until);
      }
      return false;
    } catch (error) {
      if (!(error instanceof SlotMoveError || error instanceof RespClientError)) throw error;
      const isFinal = error instanceof SlotMoveError && error.isFinal;
      this.#log.onFault(`migration ${migration.id}, from ${migration.from} to ${migration.to}: ${error.message}`);
      await this.#change(migration.id, term, (each) => ({
        ...each,
        reason: error.message,
        ...(isFinal ? { state: 'failed' as const } : {}),
        ...(error instanceof ShardGone ? { open: null } : {}),
      }));
      return true;
    }
  }

  /** @throws SlotMoveError where a shard has gone, or the slot is another one's */
  async #wayOf(migration: Migration): Promise<Way | null> {
    const slot = nextSlot(migration);
    if (slot === null) return null;
    const topology = await this.#registry.topologies.read(this.#name);
    const primaries = topology === null ? [] : nodesOf(topology).filter(({ follows }) => follows === null);
    const at = (shard: string): Node => {
      const found = primaries.find((node) => node.shard === shard);
      if (found === undefined) throw new ShardGone(`there is no shard ${shard}`, true);
      return found;
    };
    const [from, to] = [at(migration.from), at(migration.to)];
    const owner = topology?.shards.find(({ slots = [] }) =>
      slots.some(([first, last]) => first <= slot && slot <= last),
    );
    if (migration.open === null && owner !== undefined && owner.id !== migration.from && owner.id !== migration.to)
      throw new SlotMoveError(`slot ${slot} is ${owner.id}'s, not ${migration.from}'s`, true);
    return { slot, from, to, others: primaries.filter((node) => node !== from && node !== to) };
  }

  /** @returns the migration as it is then; undefined: there is nothing to be done any more */
  async #moveSlot(
    migration: Migration,
    way: Way,
    pace: Pace,
    term: MovingTerm,
    until: AbortSignal,
  ): Promise<Migration | undefined> {
    const { slot, from, to, others } = way;
    let now: Migration | undefined = migration;
    // Whoever began it may have died, or seen an error, at any point; and somebody else may have moved it.
    const isThere = await this.#mover.owns(to, slot);
    if (!isThere && migration.open?.isSettling !== true) {
      if (!(await this.#mover.owns(from, slot)))
        throw new SlotMoveError(`neither ${from.address} nor ${to.address} has slot ${slot}, by its own word`);
      if (migration.open === null) {
        if (!migration.withData) await this.#checkEmpty(slot, from);
        const run = await this.#mover.runOf(from);
        // People may have stopped it in this moment.
        now = await this.#change(migration.id, term, (each) =>
          each.state === 'queued' ? { ...each, open: { slot, run, isSettling: false } } : each,
        );
      }
      if (now?.open?.slot !== slot || this.#isHeld(migration)) return undefined;
      await this.#mover.open(slot, from, to);
      // Keys may have come since they were counted: they move, too.
      now = await this.#moveKeys(now, way, now.open.run, pace, term, until);
      if (now === undefined) return undefined;
      now = await this.#change(migration.id, term, (each) => ({
        ...each,
        open: each.open === null ? null : { ...each.open, isSettling: true },
      }));
    }
    if (!term.isLeading || this.#isHeld(migration)) return undefined;
    await this.#mover.settle(slot, from, to, others);
    return this.#change(migration.id, term, (each) => slotSettled(each, slot));
  }

  /** Before any node is told: an opened slot has no new keys any more at its old owner. @throws SlotMoveError where it has keys */
  async #checkEmpty(slot: number, from: Node): Promise<void> {
    const keys = await this.#mover.countKeys(slot, from);
    if (keys > 0)
      throw new SlotMoveError(`slot ${slot} has ${keys} keys at ${from.address}; move it with its keys`, true);
  }

  /** @returns undefined: it is held, or the term is over */
  async #moveKeys(
    migration: Migration,
    { slot, from, to }: Way,
    run: string,
    pace: Pace,
    term: MovingTerm,
    until: AbortSignal,
  ): Promise<Migration | undefined> {
    let now: Migration | undefined = migration;
    let [unsaid, saidMs] = [0, this.#leader.clock()];
    for (;;) {
      if (until.aborted || !term.isLeading || this.#isHeld(migration)) return undefined;
      pace.begin();
      const keys = await this.#mover.moveKeys(slot, from, to, pace.keys, run);
      unsaid += keys;
      const isDue = this.#leader.clock() - saidMs >= PROGRESS_MS;
      if (unsaid > 0 && (keys === 0 || isDue)) {
        const moved = unsaid;
        now = await this.#change(migration.id, term, (each) => ({
          ...each,
          movedKeys: each.movedKeys + moved,
          reason: null,
        }));
        [unsaid, saidMs] = [0, this.#leader.clock()];
      }
      if (keys === 0) return now;
      await this.#registry.pause(pace.end(keys), until, 0);
    }
  }

  async #change(
    id: number,
    term: MovingTerm,
    change: (migration: Migration) => Migration,
  ): Promise<Migration | undefined> {
    const { migrations } = await this.#queue.change((queue) => changed(queue, id, change), term);
    return migrations.find((each) => each.id === id);
  }

  /** Has the topology say what the nodes have done. */
  async #store(term: MovingTerm, until: AbortSignal): Promise<void> {
    const { migrations } = await this.#queue.read();
    const settled = migrations.filter((each) => each.settled.length > 0);
    const topology = await this.#registry.topologies.read(this.#name);
    if (settled.length === 0 || topology === null) return;
    const shards = settled.reduce<Topology['shards']>(
      (all, { settled: ranges, to }) => withSlots({ ...topology, shards: all }, ranges, to),
      topology.shards,
    );
    const count = settled.reduce((sum, each) => sum + slotsOfRanges(each.settled).length, 0);
    const reason = `${count} slots have moved: ${settled.map(({ from, to }) => `from ${from} to ${to}`).join(', ')}`;
    const draft = { ...topology, version: null, shards };
    const { version: expected } = topology;
    const stored = await changeTopology(this.#registry, draft, { expected, reason, signal: until, ...this.#leader });
    this.#log.onCommitted(stored, reason);
    for (const { id, settled: ranges } of settled) await this.#change(id, term, (each) => slotsStored(each, ranges));
  }
}

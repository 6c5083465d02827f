import { changeTopology, HandoffAborted, makeWay } from '../handoff/index.ts';
import {
  type Registry,
  StoreRefused,
  StoreUnavailable,
  type Term,
  UnreadableEntry,
  VersionConflict,
} from '../registry/index.ts';
import { RespClientError } from '../resp/index.ts';
import { type Node, nodesOf, type Topology, type TopologyName } from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import { adoptCluster } from './adopt.ts';
import { DownNodes } from './down-nodes.ts';
import type { ClusterNodes, NodeState, Sight, SlotMover, SlotOnItsWay } from './engine.ts';
import { type Promotion, planFailovers, promoted } from './failover.ts';
import { StoredOrder } from './failover-order.ts';
import { healthAfter, type NodeHealth } from './health.ts';
import type { ClusterLog, Leader, MovingTerm } from './leader.ts';
import { type MigrationQueue, onTheirWay } from './migration/migration.ts';
import { MigrationRunner } from './migration/runner.ts';
import { QueueNotWritten, QueueUnreadable, StoredQueue } from './migration/stored-queue.ts';
import { OrderedFailover } from './ordered-failover.ts';
import type { LedClusterSettings } from './settings.ts';
import { ToldFailovers } from './told-failovers.ts';

/** After something has changed, nodes are looked at again so soon: they tell each other within a second or two. */
const SOON_MS = 100;

/**
 * While a key is moved to a server that hangs, the one that had it does nothing else: at first for so long. A large key that takes longer has half the
 * time after which its server would count as dead.
 */
const USUAL_BLOCK_MS = 500;

/** Migrations are looked at again so long after something was in the way. */
const MIGRATION_RETRY_MS = 1000;

/** What has to be known of a term. */
type LeadingTerm = MovingTerm & Pick<Term, 'ended'>;

/**
 * A cluster that this process leads, for one term. What the registry has is what the nodes have to be: whatever is decided is stored there before
 * any node is told, and whoever leads next tells the nodes what they have not been told yet.
 */
export class LedCluster {
  readonly #registry: Registry;
  readonly #settings: LedClusterSettings;
  readonly #nodes: ClusterNodes;
  readonly #leader: Leader;
  readonly #log: ClusterLog;
  readonly #queue: StoredQueue;
  readonly #ordered: OrderedFailover;
  readonly #mover: SlotMover;
  readonly #runner: MigrationRunner;
  /** By the ids of nodes. */
  #health = new Map<string, NodeHealth>();
  readonly #down = new DownNodes();
  readonly #failovers = new ToldFailovers();
  /** The last turn has not found it in the registry. */
  #isAbsent = false;

  constructor(registry: Registry, settings: LedClusterSettings, nodes: ClusterNodes, leader: Leader, log: ClusterLog) {
    this.#registry = registry;
    this.#settings = settings;
    this.#nodes = nodes;
    this.#leader = leader;
    this.#log = log;
    this.#queue = new StoredQueue(registry, settings.name);
    this.#ordered = new OrderedFailover(
      new StoredOrder(registry, settings.name),
      nodes,
      leader.clock,
      leader.timeOfDayMs,
    );
    const { intervalMs, failures } = settings.rules;
    const longestMs = Math.ceil(((failures - 1) * intervalMs) / 2 + 1);
    this.#mover = nodes.mover({ usualMs: Math.min(USUAL_BLOCK_MS, longestMs), longestMs });
    const keeper = nodes.keeper((waitMs, signal) => registry.pause(waitMs, signal, 0));
    this.#runner = new MigrationRunner(registry, settings.name, this.#mover, keeper, leader, log);
  }

  get #name(): TopologyName {
    return this.#settings.name;
  }

  /** Leads until the term ends, or `signal` is aborted. @throws whatever was not foreseen, once nothing of it goes on */
  async lead(term: LeadingTerm, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const until = AbortSignal.any([signal, term.ended, failed.signal]);
    const end = (error: unknown): void => failed.abort(error);
    await Promise.all([this.#watchOver(term, until).catch(end), this.#migrate(term, until).catch(end)]);
    this.#mover.close();
    this.#nodes.keepOnly(new Set());
    failed.signal.throwIfAborted();
  }

  async #watchOver(term: LeadingTerm, until: AbortSignal): Promise<void> {
    const { intervalMs } = this.#settings.rules;
    while (!until.aborted) {
      const beganMs = this.#leader.clock();
      const isQuiet = await this.#turn(term, until).catch((error: unknown) => this.#onFailure(error, until));
      const waitMs = isQuiet ? intervalMs - (this.#leader.clock() - beganMs) : Math.min(SOON_MS, intervalMs);
      await this.#registry.pause(Math.max(0, waitMs), until, 0);
    }
  }

  async #migrate(term: LeadingTerm, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const failed = (error: unknown): number => {
        this.#onFailure(error, until);
        return MIGRATION_RETRY_MS;
      };
      await this.#registry.pause(await this.#runner.turn(term, until).catch(failed), until, 0);
    }
  }

  /** What may be otherwise the next time. @returns true */
  #onFailure(error: unknown, until: AbortSignal): true {
    // The term ended in the middle: whoever leads next goes on.
    if (until.aborted && error === until.reason) return true;
    // Outages of the registry are reported by whoever opened it.
    if (error instanceof StoreUnavailable) return true;
    const isPassing =
      error instanceof VersionConflict ||
      error instanceof HandoffAborted ||
      error instanceof StoreRefused ||
      // It stays so until people see to it, and a later release may be what has written it.
      error instanceof UnreadableEntry ||
      error instanceof QueueNotWritten ||
      error instanceof QueueUnreadable;
    if (!isPassing && !(error instanceof DocumentError)) throw error;
    this.#log.onFault(error.message);
    return true;
  }

  /** Looks at all nodes, and does what is to be done. @returns false where something has changed */
  async #turn(term: LeadingTerm, until: AbortSignal): Promise<boolean> {
    const topology = await this.#registry.topologies.read(this.#name);
    if (topology === null) return this.#takeIn(until);
    await this.#probe(nodesOf(topology));
    // Keys that are placed by slots never do: people change over from another placement, and which node leads a shard may not be the same for all keys.
    if (topology.moving !== undefined) {
      this.#log.onFault(
        'its keys are on their way from another placement: nothing is failed over until they have moved',
      );
      return true;
    }
    const { nodesDecide } = this.#nodes;
    const healthOf = (id: string) => this.#health.get(id);
    const plan = planFailovers(topology, healthOf, this.#settings.rules, this.#leader.clock(), nodesDecide);
    for (const wait of plan.waits) this.#log.onFault(wait);
    if (!term.isLeading) return true;
    // Without them, nothing may be failed over.
    const queue = await this.#queue.read();
    if (plan.promotions.length === 0) {
      const { moving, ordered } = await this.#carryOutOrder(topology, queue, term);
      if (ordered === null)
        return this.#bringAll(term, topology, moving, async ({ id }) => this.#health.get(id)?.sight);
      await this.#replace(topology, [ordered], term, until);
      return false;
    }
    const failing = new Set(plan.promotions.map(({ shard }) => shard));
    const replaced = topology.shards.filter(({ id }) => failing.has(id)).map(({ address }) => address);
    // They are let go on by a turn that finds nothing to be failed over: by the topology of then.
    this.#runner.hold(failing, new Set(replaced));
    await this.#runner.whenHeld();
    await this.#replace(topology, plan.promotions, term, until);
    return false;
  }

  /** Stores failovers, and tells the nodes. */
  async #replace(
    topology: Topology,
    promotions: readonly Promotion[],
    term: LeadingTerm,
    until: AbortSignal,
  ): Promise<void> {
    const stored = await this.#failOver(topology, promotions, until);
    // That may have taken a while: what was seen before is no ground to tell anybody anything.
    if (stored !== null)
      await this.#bringAll(term, stored, onTheirWay(await this.#queue.read()), (node) => this.#nodes.probe(node));
  }

  /**
   * Has a replica take over where people want it, of a shard whose slots stay where they are meanwhile.
   * @returns the slots that are on their way, and a failover that has to be stored
   */
  async #carryOutOrder(
    topology: Topology,
    queue: MigrationQueue,
    term: MovingTerm,
  ): Promise<{ readonly moving: readonly SlotOnItsWay[]; readonly ordered: Promotion | null }> {
    const shard = await this.#ordered.pending();
    this.#runner.hold(new Set(shard === null ? [] : [shard]));
    if (shard === null || this.#runner.isHeldUnderWay) return { moving: onTheirWay(queue), ordered: null };
    const moving = onTheirWay(await this.#queue.read());
    const told = await this.#ordered.turn(topology, (id) => this.#health.get(id), moving, term);
    if (typeof told === 'string') this.#log.onTold(told);
    return { moving, ordered: typeof told === 'string' ? null : told };
  }

  /** Stores the cluster as its nodes have it. @returns false where that was done */
  async #takeIn(signal: AbortSignal): Promise<boolean> {
    const { seeds, consistency } = this.#settings;
    if (seeds.length === 0) {
      // Whoever makes it has it be led first.
      if (this.#isAbsent)
        this.#log.onFault('the registry does not have it: it was not made or imported to the end; do that again');
      this.#isAbsent = true;
      return true;
    }
    let found: Awaited<ReturnType<ClusterNodes['find']>>;
    try {
      found = await this.#nodes.find(seeds);
    } catch (error) {
      this.#log.onFault((error as Error).message);
      return true;
    }
    const reason = 'its nodes were found';
    const stored = await adoptCluster(this.#registry, this.#name, found, consistency, {
      reason,
      signal,
      ...this.#leader,
    });
    if (stored === null) return true;
    this.#log.onCommitted(stored, reason);
    return false;
  }

  async #probe(nodes: readonly Node[]): Promise<void> {
    this.#nodes.keepOnly(new Set(nodes.map(({ address }) => address)));
    const before = this.#health;
    const probed = nodes.map(async (node) => {
      const askedMs = this.#leader.clock();
      const sight = await this.#nodes.probe(node);
      if (sight.kind === 'refusing' || sight.kind === 'uninitialised')
        this.#log.onFault(`${node.address} of shard ${node.shard}: ${sight.reason}`);
      return [node.id, healthAfter(before.get(node.id), sight, askedMs)] as const;
    });
    this.#health = new Map(await Promise.all(probed));
    const healthOf = (id: string) => this.#health.get(id);
    const changes = this.#down.changes(nodes, healthOf, this.#settings.rules, this.#leader.clock());
    for (const event of changes) this.#log.onEvent(event);
  }

  /** @returns the topology that is current then; null: another change has to end first */
  async #failOver(topology: Topology, promotions: readonly Promotion[], signal: AbortSignal): Promise<Topology | null> {
    const reason = promotions
      .map(({ shard, node, reason: why }) => `${node.address} becomes the primary of ${shard}: ${why}`)
      .join('; ');
    const lost = promotions.filter(({ isPrimaryDead }) => isPrimaryDead).map(({ shard }) => shard);
    if (!(await makeWay(this.#registry, this.#name, lost, `a failover comes first: ${reason}`))) {
      this.#log.onFault(`a change of the topology is under way, and has to end before this: ${reason}`);
      return null;
    }
    this.#failovers.began(promotions, (event) => this.#log.onEvent(event));
    const draft = promoted(topology, promotions);
    const stored = await changeTopology(this.#registry, draft, {
      expected: topology.version,
      reason,
      lost,
      signal,
      ...this.#leader,
    });
    this.#failovers.done(promotions, (event) => this.#log.onEvent(event));
    this.#log.onCommitted(stored, reason);
    return stored;
  }

  /**
   * Tells nodes to be what the topology has them be, as long as the term goes on.
   * @param look how a node is
   * @returns whether all are
   */
  async #bringAll(
    term: LeadingTerm,
    topology: Topology,
    moving: readonly SlotOnItsWay[],
    look: (node: Node) => Promise<Sight | undefined>,
  ): Promise<boolean> {
    const told = await Promise.all(
      nodesOf(topology).map(async (node) => {
        const sight = await look(node);
        const state = sight?.kind === 'well' ? sight.state : null;
        if ((state === null && sight?.kind !== 'blank') || !term.isLeading) return null;
        if (state !== null && this.#isChanging(node, state)) return null;
        try {
          return await this.#nodes.bring(node, state, topology, moving);
        } catch (error) {
          // Its next probe shows it.
          if (error instanceof RespClientError) return null;
          throw error;
        }
      }),
    );
    const messages = told.filter((each) => typeof each === 'string');
    for (const message of messages) this.#log.onTold(message);
    for (const each of told) if (each !== null && typeof each !== 'string') this.#log.onFault(each.fault);
    return messages.length === 0;
  }

  /** Whether a primary follows one of its replicas that follows it: they are changing places, and one was looked at before and one after. */
  #isChanging({ id, follows }: Node, state: NodeState): boolean {
    const other = state.follows === null ? undefined : this.#health.get(state.follows)?.sight;
    return follows === null && other?.kind === 'well' && other.state.follows === id;
  }
}

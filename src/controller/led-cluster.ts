import { discovered } from '../discovery/index.ts';
import { changeTopology, HandoffAborted, makeWay } from '../handoff/index.ts';
import { type Registry, StoreRefused, StoreUnavailable, type Term, VersionConflict } from '../registry/index.ts';
import { RespClientError } from '../resp/index.ts';
import { type Node, nodesOf, type Topology, type TopologyName } from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import type { ClusterNodes, Sight } from './engine.ts';
import { type Promotion, planFailovers, promoted } from './failover.ts';
import { healthAfter, type NodeHealth } from './health.ts';
import type { LedClusterSettings } from './settings.ts';

/** What is reported to people of a cluster. */
export interface ClusterLog {
  /** The registry has a new version, made by this controller. */
  onCommitted(topology: Topology, reason: string): void;
  /** A node was told something. */
  onTold(message: string): void;
  /** Something is wrong that people may have to see to; the same again and again, for as long as it is. */
  onFault(message: string): void;
}

/** The process that leads. */
export interface Leader {
  /** The name that people see. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
}

/** After something has changed, nodes are looked at again so soon: they tell each other within a second or two. */
const SOON_MS = 100;

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
  /** By the ids of nodes. */
  #health = new Map<string, NodeHealth>();

  constructor(registry: Registry, settings: LedClusterSettings, nodes: ClusterNodes, leader: Leader, log: ClusterLog) {
    this.#registry = registry;
    this.#settings = settings;
    this.#nodes = nodes;
    this.#leader = leader;
    this.#log = log;
  }

  get #name(): TopologyName {
    return this.#settings.name;
  }

  /** Leads until the term ends, or `signal` is aborted. */
  async lead(term: Pick<Term, 'isLeading' | 'ended'>, signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, term.ended]);
    const { intervalMs } = this.#settings.rules;
    while (!until.aborted) {
      const beganMs = this.#leader.clock();
      const isQuiet = await this.#turn(term, until).catch((error: unknown) => this.#onFailure(error, until));
      const waitMs = isQuiet ? intervalMs - (this.#leader.clock() - beganMs) : Math.min(SOON_MS, intervalMs);
      await this.#registry.pause(Math.max(0, waitMs), until, 0);
    }
    this.#nodes.keepOnly(new Set());
  }

  /** What may be otherwise the next time. @returns true */
  #onFailure(error: unknown, until: AbortSignal): true {
    // The term ended in the middle: whoever leads next goes on.
    if (until.aborted && error === until.reason) return true;
    // Outages of the registry are reported by whoever opened it.
    if (error instanceof StoreUnavailable) return true;
    const isPassing =
      error instanceof VersionConflict || error instanceof HandoffAborted || error instanceof StoreRefused;
    if (!isPassing && !(error instanceof DocumentError)) throw error;
    this.#log.onFault(error.message);
    return true;
  }

  /** Looks at all nodes, and does what is to be done. @returns false where something has changed */
  async #turn(term: Pick<Term, 'isLeading'>, until: AbortSignal): Promise<boolean> {
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
    const plan = planFailovers(topology, (id) => this.#health.get(id), this.#settings.rules, this.#leader.clock());
    for (const wait of plan.waits) this.#log.onFault(wait);
    if (!term.isLeading) return true;
    if (plan.promotions.length === 0)
      return this.#bringAll(term, topology, async ({ id }) => this.#health.get(id)?.sight);
    const stored = await this.#failOver(topology, plan.promotions, until);
    // That may have taken a while: what was seen before is no ground to tell anybody anything.
    if (stored !== null) await this.#bringAll(term, stored, (node) => this.#nodes.probe(node));
    return false;
  }

  /** Stores the cluster as its nodes have it. @returns false where that was done */
  async #takeIn(signal: AbortSignal): Promise<boolean> {
    const { seeds, consistency } = this.#settings;
    let found: Awaited<ReturnType<ClusterNodes['find']>>;
    try {
      found = await this.#nodes.find(seeds);
    } catch (error) {
      this.#log.onFault((error as Error).message);
      return true;
    }
    const fresh = { placement: { slots: {} }, hashOn: 'id', consistency } as const;
    const { draft } = await discovered(this.#registry, this.#name, found, fresh);
    if (draft === null) return true;
    const reason = 'its nodes were found';
    this.#log.onCommitted(
      await changeTopology(this.#registry, draft, { expected: null, reason, signal, ...this.#leader }),
      reason,
    );
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
    const draft = promoted(topology, promotions);
    const stored = await changeTopology(this.#registry, draft, {
      expected: topology.version,
      reason,
      lost,
      signal,
      ...this.#leader,
    });
    this.#log.onCommitted(stored, reason);
    return stored;
  }

  /**
   * Tells nodes to be what the topology has them be, as long as the term goes on.
   * @param look how a node is
   * @returns whether all are
   */
  async #bringAll(
    term: Pick<Term, 'isLeading'>,
    topology: Topology,
    look: (node: Node) => Promise<Sight | undefined>,
  ): Promise<boolean> {
    const told = await Promise.all(
      nodesOf(topology).map(async (node) => {
        const sight = await look(node);
        if (sight?.kind !== 'well' || !term.isLeading) return null;
        try {
          return await this.#nodes.bring(node, sight.state, topology);
        } catch (error) {
          // Its next probe shows it.
          if (error instanceof RespClientError) return null;
          throw error;
        }
      }),
    );
    const messages = told.filter((each) => each !== null);
    for (const message of messages) this.#log.onTold(message);
    return messages.length === 0;
  }
}

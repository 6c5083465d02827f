import { changeTopology } from '../../handoff/index.ts';
import type { Registry } from '../../registry/index.ts';
import { RespClientError } from '../../resp/index.ts';
import { type NodeId, nodesOf, type Shard, type Topology } from '../../topology/index.ts';
import { DocumentError } from '../../yaml/index.ts';
import { type JoinedNode, type ShardKeeper, SlotMoveError } from '../engine.ts';
import type { ClusterLog, Leader, MovingTerm } from '../leader.ts';
import { isOver, type MigrationQueue, type ShardStep } from './migration.ts';
import type { StoredQueue } from './stored-queue.ts';

/** What keeps a step from being taken, and no other one. */
const NOT_YET = [SlotMoveError, RespClientError, DocumentError];

/** Has shards join a cluster, and leave it: before their slots come, and once these have gone. */
export class ShardSteps {
  readonly #registry: Registry;
  readonly #queue: StoredQueue;
  readonly #keeper: ShardKeeper;
  readonly #leader: Leader;
  readonly #log: ClusterLog;

  constructor(registry: Registry, queue: StoredQueue, keeper: ShardKeeper, leader: Leader, log: ClusterLog) {
    this.#registry = registry;
    this.#queue = queue;
    this.#keeper = keeper;
    this.#leader = leader;
    this.#log = log;
  }

  /**
   * Takes the first step that can be taken, past those that cannot be yet.
   * @returns whether one was taken
   * @throws as `changeTopology` does
   */
  async turn(queue: MigrationQueue, topology: Topology, term: MovingTerm, signal: AbortSignal): Promise<boolean> {
    for (const step of queue.steps)
      if (isDue(step, queue, topology) && (await this.#take(step, topology, term, signal))) return true;
    return false;
  }

  async #take(step: ShardStep, topology: Topology, term: MovingTerm, signal: AbortSignal): Promise<boolean> {
    try {
      if (step.kind === 'join') await this.#join(step, topology, signal);
      else await this.#leave(step, topology, term, signal);
      if (!term.isLeading) return true;
      await this.#queue.change(
        (now) => ({ ...now, steps: now.steps.filter(({ shard, kind }) => shard !== step.shard || kind !== step.kind) }),
        term,
      );
    } catch (error) {
      // One that would make no topology is in the way of no other either.
      if (!NOT_YET.some((kind) => error instanceof kind)) throw error;
      this.#log.onFault(`shard ${step.shard} cannot ${step.kind} yet: ${(error as Error).message}`);
      return false;
    }
    return true;
  }

  async #join({ shard: id, nodes: wanted }: ShardStep, topology: Topology, signal: AbortSignal): Promise<void> {
    if (topology.shards.some((shard) => shard.id === id)) return;
    const joined = await this.#keeper.join(
      wanted.map(({ address }) => address),
      nodesOf(topology),
      signal,
    );
    const [primary, ...replicas] = joined as [JoinedNode, ...JoinedNode[]];
    const shard: Shard = {
      id,
      address: primary.address,
      nodeId: primary.id as NodeId,
      weight: 1,
      slots: [],
      replicas: replicas.map((each) => ({ id: each.id as NodeId, address: each.address })),
    };
    await this.#change(topology, [...topology.shards, shard], `shard ${id} joins`, signal);
  }

  /** Its nodes are noted before the topology has them no more. */
  async #leave(step: ShardStep, topology: Topology, term: MovingTerm, signal: AbortSignal): Promise<void> {
    const { shard } = step;
    const own = nodesOf(topology).filter((node) => node.shard === shard);
    const left = topology.shards.filter(({ id }) => id !== shard);
    let nodes = step.nodes;
    let now = topology;
    if (own.length > 0) {
      nodes = own.map(({ id, address }) => ({ id, address }));
      const noted = (each: ShardStep): ShardStep =>
        each.kind === 'leave' && each.shard === shard ? { ...each, nodes } : each;
      await this.#queue.change((queue) => ({ ...queue, steps: queue.steps.map(noted) }), term);
      now = await this.#change(topology, left, `shard ${shard} leaves`, signal);
    }
    const away = await this.#keeper.forget(
      nodes.map(({ id, address }) => ({ id: id ?? '', address })),
      nodesOf(now),
    );
    if (away.length > 0)
      this.#log.onFault(
        `shard ${shard} has left, and ${away.join(', ')} did not answer: where a server starts again there, reset it (CLUSTER RESET)`,
      );
  }

  async #change(topology: Topology, shards: readonly Shard[], reason: string, signal: AbortSignal): Promise<Topology> {
    const { version: expected } = topology;
    const draft = { ...topology, version: null, shards };
    const stored = await changeTopology(this.#registry, draft, { expected, reason, signal, ...this.#leader });
    this.#log.onCommitted(stored, reason);
    return stored;
  }
}

/** A shard leaves once it has no slots, and no migration is about it. */
function isDue({ kind, shard }: ShardStep, { migrations }: MigrationQueue, { shards }: Topology): boolean {
  if (kind === 'join') return true;
  const own = shards.find(({ id }) => id === shard);
  const isBusy = migrations.some((each) => !isOver(each) && (each.from === shard || each.to === shard));
  return !isBusy && (own === undefined || own.slots?.length === 0);
}

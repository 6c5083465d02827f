import { type Node, nodesOf, type Topology } from '../topology/index.ts';
import type { ClusterNodes, SlotOnItsWay } from './engine.ts';
import type { HealthOf, Promotion } from './failover.ts';
import { type FailoverOrder, OrderReplaced, type StoredOrder } from './failover-order.ts';
import type { MovingTerm } from './leader.ts';

/** Servers undo a failover that takes longer than five seconds; then some time until probes have shown it. */
const LONGEST_MS = 10_000;

/** Carries out what people order: a replica takes over from a primary that is well, and nothing that was acknowledged is lost. */
export class OrderedFailover {
  readonly #orders: StoredOrder;
  readonly #nodes: ClusterNodes;
  readonly #clock: () => number;
  readonly #timeOfDayMs: () => number;
  /** The order that was passed on to its node, and when. */
  #told: { readonly id: number; readonly ms: number } | null = null;

  constructor(orders: StoredOrder, nodes: ClusterNodes, clock: () => number, timeOfDayMs: () => number) {
    this.#orders = orders;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#timeOfDayMs = timeOfDayMs;
  }

  /** The shard of an order that is not over; null: there is none. */
  async pending(): Promise<string | null> {
    const order = await this.#orders.read();
    return order === null || order.outcome !== null ? null : order.shard;
  }

  /**
   * Does what is to be done now. That the nodes have changed their roles is seen by their probes, and stored as any change that they make.
   * @returns what a node was told, for people; where nodes do not decide, what has to be stored for them to change their roles; null: nothing
   */
  async turn(
    topology: Topology,
    healthOf: HealthOf,
    moving: readonly SlotOnItsWay[],
    term: MovingTerm,
  ): Promise<string | Promotion | null> {
    const order = await this.#orders.read();
    if (order === null || order.outcome !== null || !term.isLeading) return null;
    try {
      return await this.#carryOut(order, topology, healthOf, moving, term);
    } catch (error) {
      if (error instanceof OrderReplaced) return null;
      throw error;
    }
  }

  async #carryOut(
    order: FailoverOrder,
    topology: Topology,
    healthOf: HealthOf,
    moving: readonly SlotOnItsWay[],
    term: MovingTerm,
  ): Promise<string | Promotion | null> {
    const own = nodesOf(topology).filter(({ shard }) => shard === order.shard);
    const primary = own.find(({ follows }) => follows === null);
    const chosen = own.find(({ id }) => id === order.chosen);
    if (chosen !== undefined && chosen === primary)
      return this.#end(order, true, `${chosen.address} is the primary of ${order.shard}`, term);
    if (chosen !== undefined && this.#told?.id === order.id) {
      if (this.#clock() - this.#told.ms < LONGEST_MS) return this.#nodes.nodesDecide ? null : promotionOf(chosen);
      return this.#end(order, false, `${chosen.address} has not taken over in time, and it was given up`, term);
    }
    if (order.chosen === null && this.#timeOfDayMs() > order.untilMs)
      return this.#end(order, false, 'nobody waits for it any more: no controller has come to it in time', term);
    const found = chosen ?? successorFor(order, own, healthOf, moving);
    if (typeof found === 'string') return this.#end(order, false, found, term);
    if (!(await this.#orders.note(order, { chosen: found.id }, term))) throw new OrderReplaced();
    this.#told = { id: order.id, ms: this.#clock() };
    if (!this.#nodes.nodesDecide) return promotionOf(found);
    const refusal = await this.#nodes.handOver(found);
    if (refusal !== null) return this.#end(order, false, `${found.address} refuses: ${refusal}`, term);
    return `${found.address} was told to take over, as it was ordered`;
  }

  async #end(order: FailoverOrder, isDone: boolean, text: string, term: MovingTerm): Promise<null> {
    await this.#orders.note(order, { outcome: { isDone, text } }, term);
    return null;
  }
}

function promotionOf(node: Node): Promotion {
  return { shard: node.shard, node, isPrimaryDead: false, reason: 'it was ordered' };
}

/** @returns the reason, for people, where none may take over */
function successorFor(
  { shard, to }: Pick<FailoverOrder, 'shard' | 'to'>,
  own: readonly Node[],
  healthOf: HealthOf,
  moving: readonly SlotOnItsWay[],
): Node | string {
  const primary = own.find(({ follows }) => follows === null);
  if (primary === undefined) return `there is no shard ${shard}`;
  const open = moving.find((each) => each.from === shard || each.to === shard);
  // What has it take over does not know of the move: clients would not find what has moved already.
  if (open !== undefined) return `slot ${open.slot} is on its way between ${open.from} and ${open.to}; try again later`;
  if (healthOf(primary.id)?.sight.kind !== 'well')
    return `its primary ${primary.address} does not answer: a replica takes over by itself once that is dead`;
  let best: { readonly node: Node; readonly offset: number } | null = null;
  const refusals: string[] = [];
  for (const node of own) {
    if (node === primary || (to !== null && node.id !== to && node.address !== to)) continue;
    const sight = healthOf(node.id)?.sight;
    const state = sight?.kind === 'well' ? sight.state : null;
    if (state?.follows !== primary.id || state.link?.downMs !== 0 || state.link.isSyncing)
      refusals.push(`${node.address} has no whole copy of what its primary has, or does not answer`);
    else if (best === null || state.offset > best.offset) best = { node, offset: state.offset };
  }
  if (best !== null) return best.node;
  return refusals.length > 0 ? refusals.join('; ') : `${shard} has no replica${to === null ? '' : ` ${to}`}`;
}

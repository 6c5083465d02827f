import { withSlots } from '../../../discovery/index.ts';
import { type SlotRange, setNodesText, type Topology } from '../../../topology/index.ts';
import type { SlotOnItsWay } from '../../engine.ts';

/** What nodes are told to be: the topology of the registry, with slots at their new owners that the nodes have moved since. */
export class WantedTopology {
  readonly topology: Topology;
  readonly moving: readonly SlotOnItsWay[];
  readonly #moved: ReadonlyMap<number, string>;

  /**
   * A source that is told of a topology which does not know that a slot has moved takes it back, with the data that it had.
   * @param moving by the registry
   * @param moved slots that this process has seen move, and the shards that have them. More may come; those that the topology has there are taken out
   */
  constructor(topology: Topology, moving: readonly SlotOnItsWay[], moved: Map<number, string>) {
    this.topology = topology;
    this.moving = moving;
    this.#moved = moved;
    for (const [slot, shard] of moved) if (hasSlot(topology, shard, slot)) moved.delete(slot);
  }

  /** The lines of CLUSTERX SETNODES, as of now. */
  text(): string {
    const moved = new Map(this.#moved);
    for (const { slot, to, isSettling } of this.moving) if (isSettling) moved.set(slot, to);
    let { shards } = this.topology;
    for (const [shard, slots] of Map.groupBy(moved.keys(), (slot) => moved.get(slot) as string))
      shards = withSlots({ ...this.topology, shards }, rangesOf(slots), shard);
    return setNodesText({ ...this.topology, shards });
  }
}

function rangesOf(slots: readonly number[]): SlotRange[] {
  return slots.map((slot) => [slot, slot]);
}

function hasSlot({ shards }: Topology, shard: string, slot: number): boolean {
  const own = shards.find(({ id }) => id === shard)?.slots ?? [];
  return own.some(([first, last]) => first <= slot && slot <= last);
}

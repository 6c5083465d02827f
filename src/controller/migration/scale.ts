import type { Shard, Topology } from '../../topology/index.ts';
import { MigrationRefused, type ShardStep } from './migration.ts';
import { evenMoves, type PlannedMove } from './plan.ts';
import { countSlots } from './slot-sets.ts';

/** What makes a cluster larger or smaller. */
export interface ScalePlan {
  readonly steps: readonly ShardStep[];
  readonly moves: readonly PlannedMove[];
}

/**
 * How a cluster comes to have so many shards, by as few moves as can be. Those that have fewest slots leave.
 * @param nodes addresses of empty nodes for the shards that come: first their primaries, then the replicas, in turn
 * @throws MigrationRefused where the nodes are not what these shards need
 */
export function scalePlan({ shards }: Topology, count: number, nodes: readonly string[]): ScalePlan {
  if (count <= shards.length) {
    if (nodes.length > 0) throw new MigrationRefused('no shard is added, so that no nodes are needed');
    const leaving = leavingOf(shards, shards.length - count);
    const staying = new Set(shards.map(({ id }) => id).filter((id) => !leaving.includes(id)));
    return {
      steps: leaving.map((shard) => ({ kind: 'leave', shard, nodes: [] })),
      moves: evenMoves(shards, staying),
    };
  }
  const added = count - shards.length;
  if (nodes.length === 0 || nodes.length % added !== 0)
    throw new MigrationRefused(
      `${added} new ${added === 1 ? 'shard needs a node' : 'shards need as many nodes'}, or a multiple of that with replicas: --nodes names ${nodes.length}`,
    );
  const there = new Set(
    shards.flatMap(({ address, replicas = [] }) => [address, ...replicas.map((each) => each.address)]),
  );
  const known = nodes.find((address, i) => there.has(address) || nodes.indexOf(address) !== i);
  if (known !== undefined) throw new MigrationRefused(`${known} is a node of the cluster already, or is named twice`);
  const ids = newIds(shards, added);
  const steps = ids.map((shard, i): ShardStep => {
    const own = nodes.filter((_, at) => at % added === i);
    return { kind: 'join', shard, nodes: own.map((address) => ({ address })) };
  });
  const all = [...shards, ...ids.map((id) => ({ id }))];
  return { steps, moves: evenMoves(all, new Set(all.map(({ id }) => id))) };
}

function leavingOf(shards: readonly Shard[], count: number): string[] {
  const order = shards.map(({ id, slots = [] }, i) => ({ id, i, slots: countSlots(slots) }));
  order.sort((a, b) => a.slots - b.slots || b.i - a.i);
  return order.slice(0, count).map(({ id }) => id);
}

function newIds(shards: readonly Shard[], count: number): string[] {
  const taken = new Set(shards.map(({ id }) => id));
  const ids: string[] = [];
  for (let i = shards.length; ids.length < count; i++) if (!taken.has(`s${i}`)) ids.push(`s${i}`);
  return ids;
}

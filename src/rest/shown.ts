import type { z } from 'zod';
import { isOver, type Migration, type MigrationQueue } from '../controller/index.ts';
import { formatSlotRanges, nodesOf, type Shard, type SlotRange, type Topology } from '../topology/index.ts';
import type { shownCluster as clusterSchema, shownShard as shardSchema, shownNode } from './bodies.ts';

export type ShownCluster = z.output<typeof clusterSchema>;

/** A cluster as clients of kvrocks-controller read it. */
export function shownCluster(topology: Topology, queue: MigrationQueue): ShownCluster {
  const { name, version, shards } = topology;
  return { name, version, shards: shards.map((shard) => shownShard(topology, queue, shard)) };
}

export function shownShard(topology: Topology, queue: MigrationQueue, shard: Shard): z.output<typeof shardSchema> {
  const moving = queue.migrations.find((each) => each.from === shard.id && !isOver(each));
  const range = moving === undefined ? undefined : firstRange(moving);
  return {
    id: shard.id,
    nodes: shownNodes(topology, shard),
    slot_ranges: (shard.slots ?? []).map((each) => formatSlotRanges([each])),
    migrating_slot: range === undefined ? null : formatSlotRanges([range]),
    target_shard_index: range === undefined ? -1 : topology.shards.findIndex(({ id }) => id === moving?.to),
  };
}

export function shownNodes(topology: Topology, shard: Shard): Array<z.output<typeof shownNode>> {
  const own = nodesOf(topology).filter((node) => node.shard === shard.id);
  return own.map(({ id, address, follows }) => ({
    id,
    addr: address,
    role: follows === null ? 'master' : 'slave',
    password: '',
    created_at: 0,
  }));
}

/** Clients read one range, and no more. */
function firstRange({ left, settled }: Migration): SlotRange | undefined {
  return left[0] ?? settled[0];
}

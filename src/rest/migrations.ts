import { z } from 'zod';
import { movesOfSlots, queued, StoredQueue } from '../controller/index.ts';
import { parseSlotRanges, type SlotRange } from '../topology/index.ts';
import { shownCluster as clusterSchema, migration } from './bodies.ts';
import { type Operation, operation } from './operation.ts';
import { Refused } from './refusal.ts';
import { shownCluster } from './shown.ts';

export const migrationOperations: readonly Operation[] = [
  operation({
    id: 'migrateSlots',
    method: 'POST',
    path: '/namespaces/{namespace}/clusters/{cluster}/migrate',
    summary: 'Has slots move to a shard. They are queued: the controller that leads the cluster moves them',
    body: migration,
    status: 200,
    data: z.object({ cluster: clusterSchema }),
    refusals: [400, 404, 409],
    run: async (api, names, { target, slot, slot_only: only, slotOnly }) => {
      const { name, topology } = await api.cluster(names);
      const to = topology.shards[target];
      if (to === undefined) throw new Refused(400, 'index out of range');
      const moves = movesOfSlots(topology, slotsIn(slot), to.id);
      if (moves.length === 0) throw new Refused(400, `source and target shard is same: ${to.id} has the slots`);
      const withData = !only && String(slotOnly) !== 'true';
      const wanted = moves.map((move) => ({ ...move, withData, keysPerSecond: null }));
      const queue = await new StoredQueue(api.registry, name).change((before) => queued(before, wanted), null);
      return { cluster: shownCluster(topology, queue) };
    },
  }),
];

function slotsIn(slot: string | number): readonly SlotRange[] {
  const ranges = parseSlotRanges(String(slot));
  if (typeof ranges === 'string') throw new Refused(400, `slot: ${ranges}`);
  if (ranges.length === 0) throw new Refused(400, 'slot: write slots such as 0-99,205');
  return ranges;
}

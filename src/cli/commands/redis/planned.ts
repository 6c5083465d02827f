import {
  countSlots,
  type PlannedMove,
  queued,
  type ScalePlan,
  type ShardStep,
  StoredQueue,
} from '../../../controller/index.ts';
import type { Registry } from '../../../registry/index.ts';
import { formatSlotRanges, type TopologyName } from '../../../topology/index.ts';
import { listing } from '../../output/table.ts';
import { writeOut } from '../../output/terminal.ts';
import type { ExecuteFlags, PaceFlag, SlotsOnlyFlag } from './led-cluster-options.ts';

/** Shows moves; where they are to be carried out, the controller has them from then on. */
export async function planned(
  registry: Registry,
  name: TopologyName,
  { steps, moves }: ScalePlan,
  { execute, keysPerSecond, slotsOnly }: ExecuteFlags & PaceFlag & SlotsOnlyFlag,
): Promise<void> {
  writeOut(movesText(moves));
  if (moves.length === 0 && steps.length === 0) return;
  if (execute !== true) {
    writeOut('nothing was done; --execute carries it out\n');
    return;
  }
  const withData = slotsOnly !== true;
  const wanted = moves.map((move) => ({ ...move, withData, keysPerSecond: keysPerSecond ?? null }));
  await new StoredQueue(registry, name).change((queue) => queued(queue, wanted, steps), null);
  writeOut(`queued; keyway redis migrations ${name.cluster} shows how far it is\n`);
}

function movesText(moves: readonly PlannedMove[]): string {
  const columns = {
    FROM: ({ from }: PlannedMove) => from,
    TO: ({ to }: PlannedMove) => to,
    COUNT: ({ slots }: PlannedMove) => countSlots(slots),
    SLOTS: ({ slots }: PlannedMove) => formatSlotRanges(slots),
  };
  return listing(moves, columns, false, 'no slot has to move');
}

/** What shards do before slots come to them, and after their slots have gone. */
export function stepsText(steps: readonly ShardStep[]): string {
  const textOf = ({ kind, shard, nodes: [primary, ...replicas] }: ShardStep): string => {
    if (kind === 'leave') return `shard ${shard} leaves once its slots have moved`;
    const behind = replicas.length === 0 ? '' : `, with ${replicas.map(({ address }) => address).join(', ')}`;
    return `shard ${shard} joins at ${primary?.address}${behind}`;
  };
  return steps.map((step) => `${textOf(step)}\n`).join('');
}

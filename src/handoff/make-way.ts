import { isStopped, isUnderWay, type Registry } from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';

/**
 * Makes way for the replacement of nodes that are dead, where a change of the cluster is under way. The change no longer waits for their shards, and is
 * over soon. One that people have stopped is given up: nothing has moved by it, and it may stay stopped for ever.
 * @param reason for people, why it is given up
 * @returns whether nothing is under way any more
 */
export async function makeWay(
  { handoffs }: Registry,
  name: TopologyName,
  dead: readonly string[],
  reason: string,
): Promise<boolean> {
  const { handoff } = await handoffs.read(name);
  if (handoff === null || !isUnderWay(handoff)) return true;
  if (isStopped(handoff)) return (await handoffs.abort(name, handoff, reason)) !== null;
  const more = dead.filter((shard) => !handoff.lost.includes(shard));
  if (more.length > 0) await handoffs.advance(name, handoff, { lost: [...handoff.lost, ...more] });
  return false;
}

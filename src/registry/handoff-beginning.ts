import {
  isStrict,
  losingShards,
  servingShards,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
} from '../topology/index.ts';
import { onItsWay, type StoredHandoff, type StoredNode, type Wave } from './handoff-entries.ts';
import { VersionConflict } from './topologies.ts';
import type { Pointer } from './topology-entries.ts';

/**
 * A change begins where no keys are on their way by another one, unless people have stopped that; a wave follows where they have not.
 * @throws VersionConflict
 */
export function checkMayBegin(
  name: TopologyName,
  wave: Wave | 'new' | 'instead',
  current: Topology | null,
  last: StoredHandoff | null,
): void {
  const isPaused = last?.paused === true;
  if (typeof wave === 'object') {
    if (isPaused) throw new VersionConflict(name, 'its change was paused', current?.version ?? null);
  } else if (current?.moving !== undefined && !isPaused)
    throw new VersionConflict(name, onItsWay(current.moving), current.version);
}

/** A change before it is known how many streams it moves. */
export function wholeOf(since: TopologyVersion, lost: readonly string[]): Wave {
  const wave = { since, number: 1, from: 0, to: 1, narrowed: 0, streams: null };
  return lost.length === 0 ? wave : { ...wave, isWhole: true };
}

/** The shards that may have to give something up. */
export function losingOf(
  current: Topology,
  draft: TopologyDraft,
  { atOnce }: Pointer,
  nodes: readonly StoredNode[],
): readonly string[] {
  // The shards' acknowledgement was not waited for: any of them, placed or not, may still serve by an earlier version.
  const unheard =
    atOnce === true && isStrict(draft)
      ? [...servingShards(current).map(({ id }) => id), ...nodes.map(({ shard }) => shard)]
      : [];
  return [...new Set([...losingShards(current, draft), ...unheard])];
}

import {
  instanceText,
  isDeclaredDead,
  type Registry,
  type StoredHandoff,
  StoreRefused,
  type Wave,
} from '../registry/index.ts';
import {
  defaultWaves,
  type Moving,
  servingShards,
  type Topology,
  type TopologyName,
  type TopologyVersion,
  targetOf,
  towards,
  withoutShards,
} from '../topology/index.ts';
import { waveAfter } from './waves.ts';

/**
 * Stages what is left without the shards that were declared dead while a handoff was under way that is over now. Where the store does not take it,
 * they stay, and the change is paused.
 * @returns whether there were any
 * @throws VersionConflict
 */
export async function takeDeadOut(
  { handoffs }: Registry,
  name: TopologyName,
  handoff: StoredHandoff,
  current: Topology,
): Promise<boolean> {
  const { dead = {}, givenUp } = handoff;
  const ids = [...new Set(servingShards(current).flatMap(({ id }) => (Object.hasOwn(dead, id) ? id : [])))];
  const left = withoutShards(current, ({ id }) => ids.includes(id));
  if (ids.length === 0 || left.shards.length === 0) return false;
  const { nodes } = await handoffs.read(name);
  // A process that has come, or has come back, since then was not declared dead, and may serve.
  const silent = nodes.filter(
    (node) => ids.includes(node.shard) && isDeclaredDead(node, dead) && givenUp.includes(instanceText(node)),
  );
  const reason = `${ids.length === 1 ? 'shard' : 'shards'} ${ids.join(', ')} declared dead`;
  try {
    await handoffs.stage({ ...left, version: null }, { expected: current.version }, reason, ids, silent);
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    await stopFor(handoffs, name, { ...handoff, dead: undefined }, current, `${reason}: ${error.message}`);
  }
  return true;
}

/** What has moved stays. The next attempt would be refused as well: people have to know. */
async function stopFor(
  handoffs: Registry['handoffs'],
  name: TopologyName,
  handoff: StoredHandoff,
  { version: from, moving }: Topology,
  reason: string,
): Promise<void> {
  const refused = { ...handoff, from, to: (from + 1) as TopologyVersion };
  await handoffs.abort(name, refused, reason, moving === undefined ? undefined : true);
}

/**
 * Stages the wave after one that is over.
 * @param mayHold see `waveAfter`
 * @returns what it has staged; null where the store does not take it
 * @throws VersionConflict
 */
export async function stageNextWave(
  { handoffs }: Registry,
  name: TopologyName,
  handoff: StoredHandoff,
  current: Topology,
  moving: Moving,
  mayHold: boolean,
): Promise<StoredHandoff | null> {
  const { streams } = current.waves ?? defaultWaves;
  const wave = waveAfter(handoff, moving, streams, mayHold);
  const reason = handoff.wave === undefined ? `the change of version ${wave.since} continues` : handoff.reason;
  try {
    return await stage(handoffs, current, wave, reason);
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    await stopFor(handoffs, name, { ...handoff, wave }, current, error.message);
    return null;
  }
}

/** @throws VersionConflict; StoreRefused where the store does not even take what the change leads to */
async function stage(
  handoffs: Registry['handoffs'],
  current: Topology,
  wave: Wave,
  reason: string,
): Promise<StoredHandoff> {
  const part = towards(current, targetOf(current), wave.to, wave.since);
  const to = part.moving?.cursor ?? 1;
  const draft = { ...part, version: null };
  try {
    return await handoffs.stage(draft, { expected: current.version }, reason, [], undefined, { ...wave, to });
  } catch (error) {
    if (!(error instanceof StoreRefused) || to === 1) throw error;
    // What the change leads to is smaller, and was staged before.
    return stage(handoffs, current, { ...wave, to: 1, heldAtOnce: undefined }, reason);
  }
}

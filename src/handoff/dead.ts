import {
  type Handoff,
  instanceText,
  isUnderWay,
  type Registry,
  type Revision,
  type StoredNode,
  VersionConflict,
} from '../registry/index.ts';
import {
  servingShards,
  type Topology,
  type TopologyName,
  type TopologyVersion,
  withoutShards,
} from '../topology/index.ts';
import { HandoffAborted } from './change.ts';
import { type Waiting, whileControlling } from './controller.ts';

/**
 * Removes a shard that people know to be dead, in the middle of a change in waves. From now on nothing waits for the processes that are known of it;
 * once the wave that is under way is over, the shard is taken out of all that the change leads to, and the change goes on, or stays stopped.
 * @returns the version without it; null where no such change is under way, or has more shards: it is removed by a change like any other then
 * @throws VersionConflict where one of its processes has spoken meanwhile; HandoffAborted where the registry does not take what is left
 */
export async function removeDead(
  registry: Registry,
  name: TopologyName,
  shard: string,
  waiting: Waiting,
): Promise<TopologyVersion | null> {
  if (!(await declareDead(registry, name, shard))) return null;
  const { onStep = () => {} } = waiting;
  return whileControlling(registry, name, waiting, async (over) => {
    for await (const event of registry.handoffs.watch(name, over)) {
      if (event.kind !== 'view') continue;
      const { handoff } = event.view;
      if (handoff !== null && isUnderWay(handoff)) onStep(handoff);
      const version = await versionWithout(registry, name, shard, handoff);
      if (version !== null) return version;
    }
    return null;
  });
}

/**
 * The version without a shard that was declared dead.
 * @returns null as long as there is none
 * @throws VersionConflict, HandoffAborted where there will be none
 */
async function versionWithout(
  registry: Registry,
  name: TopologyName,
  shard: string,
  handoff: Handoff | null,
): Promise<TopologyVersion | null> {
  const current = await registry.topologies.read(name);
  if (current === null) return null;
  const isDeclared = Object.hasOwn(handoff?.dead ?? {}, shard);
  const isRunning = handoff !== null && isUnderWay(handoff);
  // It may be about to come, by the wave that is under way.
  if (!has(current, shard)) return isDeclared && isRunning ? null : current.version;
  if (isDeclared || (isRunning && handoff.lost.includes(shard))) return null;
  if (handoff?.step === 'aborted') throw new HandoffAborted(name, handoff);
  const reason = 'another change has come in between, by which the shard is not dead';
  throw new VersionConflict(name, reason, current.version);
}

/** @returns false where there is nothing to declare it to */
async function declareDead(registry: Registry, name: TopologyName, shard: string): Promise<boolean> {
  let known: readonly StoredNode[] | null = null;
  for (;;) {
    const { handoff, nodes } = await registry.handoffs.read(name);
    const current = await registry.topologies.read(name);
    if (handoff === null || current === null) return false;
    const isInWaves = current.moving !== undefined || (isUnderWay(handoff) && handoff.wave !== undefined);
    const staged = isUnderWay(handoff) ? await registry.handoffs.staged(name) : null;
    const isThere = has(current, shard) || (staged !== null && has(staged, shard));
    if (handoff === null || !isInWaves || !isThere) return false;
    const left = withoutShards(current, ({ id }) => id === shard || Object.hasOwn(handoff.dead ?? {}, id));
    if (left.shards.length === 0) return false;
    // People speak of the processes that there were: one that comes behind their word may be alive.
    known ??= nodes.filter((node) => node.shard === shard);
    const silent = known.filter((node) => {
      const now = nodes.find((each) => instanceText(each) === instanceText(node));
      if (now !== undefined && !now.ended && now.revision !== node.revision)
        throw new VersionConflict(name, `shard ${shard} has spoken meanwhile`, current.version);
      return now?.revision === node.revision && !handoff.givenUp.includes(instanceText(node));
    });
    const dead = {
      ...handoff.dead,
      [shard]: known.reduce((newest, { revision }) => Math.max(newest, revision), 0) as Revision,
    };
    const lost = isUnderWay(handoff) ? [...new Set([...handoff.lost, shard])] : handoff.lost;
    // Otherwise another step was taken in between.
    if ((await registry.handoffs.advance(name, handoff, { dead, lost }, silent)) !== null) return true;
  }
}

function has(topology: Topology, shard: string): boolean {
  return servingShards(topology).some(({ id }) => id === shard);
}

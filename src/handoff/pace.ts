import {
  goesOn,
  type Handoff,
  instanceText,
  isUnderWay,
  type Registry,
  type StoredHandoff,
  type StoredNode,
  VersionConflict,
} from '../registry/index.ts';
import {
  piecesOf,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  targetOf,
  withoutShards,
} from '../topology/index.ts';
import type { ChangeOptions } from './change.ts';
import { type Waiting, whileControlling } from './controller.ts';

// A driver that is as fast as can be takes a step every few milliseconds. So that it does not come first again and again, nothing is read between the
// handoff and what is written in its place, where that can be helped.

/**
 * Has the change of a cluster stop before the next keys move, or go on. Requests that are held at this moment are not stopped: what they wait for is
 * completed first.
 * @returns null where no change is under way that could stop
 */
export async function pauseChange(
  registry: Registry,
  name: TopologyName,
  isPaused: boolean,
): Promise<StoredHandoff | null> {
  for (;;) {
    const { handoff } = await registry.handoffs.read(name);
    if (handoff === null) return null;
    const isStoppable = handoff.wave !== undefined && (isUnderWay(handoff) || isFollowed(handoff));
    if (!isStoppable && !(await isMoving(registry, name))) return null;
    const written = await registry.handoffs.pause(name, handoff, isPaused);
    // Another step was taken in between.
    if (written !== null) return written;
  }
}

/** Whether a wave was committed, and the next one follows. */
function isFollowed(handoff: StoredHandoff): boolean {
  return handoff.step === 'committed' && goesOn(handoff);
}

async function isMoving(registry: Registry, name: TopologyName): Promise<boolean> {
  return (await registry.topologies.read(name))?.moving !== undefined;
}

/** A change that was given up. */
export interface GivenUp {
  readonly handoff: StoredHandoff;
  /** What has moved by earlier waves has to go back to this; null: nothing has moved. */
  readonly back: TopologyDraft | null;
  /** Shards that are known to be dead, and that are not in `back`, */
  readonly lost: readonly string[];
  /** and their processes that nothing waited for any more: one that has come since may serve, and is waited for. */
  readonly gone: readonly StoredNode[];
  readonly current: Topology | null;
}

/** Which part of a change a handoff is: whether it is under way, is one of waves or between two, and takes a lost shard out between two. */
async function partOf(
  registry: Registry,
  name: TopologyName,
  handoff: StoredHandoff,
): Promise<{ readonly isRunning: boolean; readonly isOfWaves: boolean; readonly takesOut: boolean }> {
  const isRunning = isUnderWay(handoff);
  if (isRunning ? handoff.wave !== undefined : isFollowed(handoff))
    return { isRunning, isOfWaves: true, takesOut: false };
  const isInBetween = await isMoving(registry, name);
  return { isRunning, isOfWaves: isInBetween, takesOut: isRunning && isInBetween };
}

/** Longer than watches have to end by default, and requests to be held a few times. */
const TAKING_OUT_MS = 15_000;

/** Who gives a change up, and for how long what takes a lost shard out may take until it is given up as well. */
export interface GivingUpChange extends Waiting {
  readonly takingOutMs?: number | undefined;
}

/**
 * Gives up the change of a cluster. No more keys move by it; for those that have, the caller makes the change back.
 * @returns null where no change is under way
 */
export async function giveUpChange(
  registry: Registry,
  name: TopologyName,
  reason: string,
  waiting: GivingUpChange,
): Promise<GivenUp | null> {
  /** The version by which a lost shard is taken out, and that is late. */
  let late: TopologyVersion | null = null;
  for (;;) {
    const { handoff, nodes } = await registry.handoffs.read(name);
    if (handoff === null) return null;
    const { isRunning, isOfWaves, takesOut } = await partOf(registry, name, handoff);
    if (!isRunning && !isOfWaves) return null;
    // Where waves before it have moved something, no other follows. What takes a lost shard out between two of them is completed first, if it can be.
    const isGivenUp = isRunning && (!takesOut || handoff.to === late);
    const written = isGivenUp
      ? // What goes back leaves the lost shards out: nobody else has to.
        await registry.handoffs.abort(name, takesOut ? { ...handoff, dead: undefined } : handoff, reason, true)
      : await registry.handoffs.pause(name, handoff, true);
    // Otherwise another step was taken in between.
    if (written === null) continue;
    if (takesOut && !isGivenUp) {
      if (!(await takenOut(registry, name, waiting))) late = handoff.to;
      continue;
    }
    const current = await registry.topologies.read(name);
    return { handoff: written, ...backFrom(current, takesOut ? handoff : null, nodes), current };
  }
}

/**
 * Resolves once no handoff is under way that takes a lost shard out; false where that takes too long.
 * @throws what `waiting.signal` was aborted with
 */
function takenOut(registry: Registry, name: TopologyName, waiting: GivingUpChange): Promise<boolean> {
  const { takingOutMs = TAKING_OUT_MS } = waiting;
  return whileControlling(registry, name, waiting, async (signal) => {
    const isLate = new AbortController();
    void registry.pause(takingOutMs, signal, 0).then(() => isLate.abort());
    for await (const event of registry.handoffs.watch(name, isLate.signal)) {
      const handoff = event.kind === 'view' ? event.view.handoff : null;
      if (handoff !== null && !(isUnderWay(handoff) && handoff.wave === undefined)) return true;
    }
    waiting.signal?.throwIfAborted();
    return false;
  });
}

/** A change that was given up, and the version by which all is back; null: nothing had moved. */
export interface WentBack {
  readonly handoff: StoredHandoff;
  readonly version: TopologyVersion | null;
}

/**
 * Gives up the change of a cluster, and has what has moved go back.
 * @param change makes the change back, and resolves once it is through
 * @returns null where no change is under way
 * @throws VersionConflict where another change has come in between
 */
export async function goBack(
  registry: Registry,
  name: TopologyName,
  reason: string,
  waiting: GivingUpChange,
  change: (back: TopologyDraft, by: Required<Pick<ChangeOptions, 'expected' | 'lost' | 'gone'>>) => Promise<Topology>,
): Promise<WentBack | null> {
  let given = await giveUpChange(registry, name, reason, waiting);
  for (;;) {
    if (given === null) return null;
    const { handoff, back, lost, gone, current } = given;
    if (back === null || current === null) return { handoff, version: null };
    try {
      return { handoff, version: (await change(back, { expected: current.version, lost, gone })).version };
    } catch (error) {
      if (!(error instanceof VersionConflict) || !(await isTakingOut(registry, name, current))) throw error;
      given = await giveUpChange(registry, name, reason, waiting);
    }
  }
}

/** Whether a lost shard is taken out, or has been, since a version was read in which some keys of a change had moved. */
async function isTakingOut(registry: Registry, name: TopologyName, since: Topology): Promise<boolean> {
  const [{ handoff }, now] = [await registry.handoffs.read(name), await registry.topologies.read(name)];
  const isOfIt = now?.moving !== undefined && now.moving.since === since.moving?.since;
  return (
    isOfIt && handoff !== null && handoff.wave === undefined && (isUnderWay(handoff) || now.version > since.version)
  );
}

/**
 * What a change that has moved some keys began with, without the shards that are lost; with them, where no other is left.
 * @param takesOut what takes lost shards out; null: nothing does
 */
function backFrom(
  current: Topology | null,
  takesOut: Handoff | null,
  nodes: readonly StoredNode[],
): Pick<GivenUp, 'back' | 'lost' | 'gone'> {
  const lost = takesOut?.lost ?? [];
  const back = current === null ? null : backOf(current);
  const left = back === null ? null : withoutShards(back, ({ id }) => lost.includes(id));
  if (left === null || left.shards.length === 0) return { back, lost: [], gone: [] };
  const gone = nodes.filter((node) => lost.includes(node.shard) && takesOut?.givenUp.includes(instanceText(node)));
  return { back: left, lost, gone };
}

/** What a change that has moved some keys began with, as far as it is still there. */
function backOf(current: Topology): TopologyDraft | null {
  if (current.moving === undefined) return null;
  // What no change has moved: a paused one may have been replaced.
  const unmoved = piecesOf(current).at(-1);
  if (unmoved === undefined) return null;
  const { until: _until, pins = [], ...owners } = unmoved;
  const { pins: _pins, ...rules } = targetOf(current);
  return { ...rules, ...owners, ...(pins.length > 0 ? { pins } : {}), version: null };
}

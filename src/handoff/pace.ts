import { goesOn, isUnderWay, type Registry, type StoredHandoff } from '../registry/index.ts';
import { piecesOf, type Topology, type TopologyDraft, type TopologyName, targetOf } from '../topology/index.ts';

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
  readonly current: Topology | null;
}

/**
 * Gives up the change of a cluster. No more keys move by it; for those that have, the caller makes the change back.
 * @returns null where no change is under way
 */
export async function giveUpChange(registry: Registry, name: TopologyName, reason: string): Promise<GivenUp | null> {
  for (;;) {
    const { handoff } = await registry.handoffs.read(name);
    if (handoff === null) return null;
    if (!isUnderWay(handoff) && !isFollowed(handoff) && !(await isMoving(registry, name))) return null;
    // Where waves before it have moved something, no other follows.
    const written = isUnderWay(handoff)
      ? await registry.handoffs.abort(name, handoff, reason, true)
      : await registry.handoffs.pause(name, handoff, true);
    // Otherwise another step was taken in between.
    if (written === null) continue;
    const current = await registry.topologies.read(name);
    return { handoff: written, back: current === null ? null : backOf(current), current };
  }
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

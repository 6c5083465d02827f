import { isUnderWay, type Registry, type StoredHandoff } from '../registry/index.ts';
import { piecesOf, type Topology, type TopologyDraft, type TopologyName, targetOf } from '../topology/index.ts';

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
    const current = await registry.topologies.read(name);
    const isStoppable = handoff !== null && isUnderWay(handoff) && handoff.wave !== undefined;
    if (handoff === null || !(isStoppable || current?.moving !== undefined)) return null;
    const written = await registry.handoffs.pause(name, handoff, isPaused);
    // Another step was taken in between.
    if (written !== null) return written;
  }
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
    const current = await registry.topologies.read(name);
    const isMoving = current?.moving !== undefined;
    if (handoff === null || !(isMoving || isUnderWay(handoff))) return null;
    const written = isUnderWay(handoff)
      ? await registry.handoffs.abort(name, handoff, reason, isMoving ? true : undefined)
      : await registry.handoffs.pause(name, handoff, true);
    // Otherwise another step was taken in between.
    if (written !== null) return { handoff: written, back: current === null ? null : backOf(current), current };
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

import { type CommitOptions, type Handoff, isUnderWay, type Registry, type StoredHandoff } from '../registry/index.ts';
import { isStrict, type Topology, type TopologyDraft, type TopologyName, topologyText } from '../topology/index.ts';
import { driveWhileElected } from './controller.ts';
import type { OnStep } from './driver.ts';

/** A handoff was given up: the topology is as it was. */
export class HandoffAborted extends Error {
  override readonly name = 'HandoffAborted';

  constructor(name: TopologyName, { to, reason }: Handoff) {
    super(`version ${to} of ${topologyText(name)} was given up: ${reason}`);
  }
}

export interface ChangeOptions extends CommitOptions {
  /** For people: what the change is for. */
  readonly reason: string;
  /** Shards that are known to be dead: they are not waited for. */
  readonly lost?: readonly string[] | undefined;
  /** Who drives where nobody else does: for people. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly onStep?: OnStep | undefined;
}

/**
 * Changes a cluster's topology by the cluster's own rules: at once, or in a handoff, which an elected controller drives, or
 * this process where there is none. Who dies in between leaves a handoff that others finish.
 * @returns the topology, once it is the current one
 * @throws VersionConflict HandoffAborted
 */
export async function changeTopology(
  registry: Registry,
  draft: TopologyDraft,
  options: ChangeOptions,
): Promise<Topology> {
  const name = { namespace: draft.namespace, cluster: draft.name };
  // By force also where what is current cannot be read.
  const current = options.force === true ? null : await registry.topologies.read(name);
  if (current === null || !isStrict(current)) return registry.topologies.commit(draft, options);
  const staged = await registry.handoffs.stage(draft, options, options.reason, options.lost);
  options.onStep?.(staged);
  await settled(registry, name, staged, options);
  return { ...draft, version: staged.to };
}

/** Resolves once a handoff has led to its version. @throws HandoffAborted */
async function settled(
  registry: Registry,
  name: TopologyName,
  staged: StoredHandoff,
  { candidate, clock, onStep = () => {} }: ChangeOptions,
): Promise<void> {
  const over = new AbortController();
  let incarnation: string | undefined;
  const driving = driveWhileElected(registry, name, candidate, clock, over.signal);
  try {
    for await (const event of registry.handoffs.watch(name, over.signal)) {
      if (event.kind !== 'view') continue;
      incarnation ??= event.incarnation;
      if (event.incarnation !== incarnation)
        throw new HandoffAborted(name, { ...staged, reason: 'the registry went back to what it was before' });
      if (event.view.handoff === null || event.view.handoff.revision <= staged.revision) continue;
      const { handoff } = event.view;
      // Changes may have been missed, and the next handoff be under way.
      if (handoff.to === staged.to) onStep(handoff);
      else if ((await registry.topologies.readVersion(name, staged.to)) === null)
        throw new HandoffAborted(name, { ...staged, reason: 'another change has taken its place' });
      if (handoff.to === staged.to && handoff.step === 'aborted') throw new HandoffAborted(name, handoff);
      if (handoff.to !== staged.to || !isUnderWay(handoff)) return;
    }
  } finally {
    over.abort();
    await driving;
  }
}

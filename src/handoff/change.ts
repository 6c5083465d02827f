import {
  autonomousRouterName,
  type CommitOptions,
  type Handoff,
  isMemberOf,
  nodeValue,
  qualified,
  type Registry,
  routerValue,
  type StoredHandoff,
  type StoredNode,
  VersionConflict,
} from '../registry/index.ts';
import {
  isStrict,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  targetOf,
  topologyText,
} from '../topology/index.ts';
import { blockingRouters } from './blocking-routers.ts';
import { type Waiting, whileControlling } from './controller.ts';

/** A handoff was given up: the topology is as it was. */
export class HandoffAborted extends Error {
  override readonly name = 'HandoffAborted';

  constructor(name: TopologyName, { to, reason }: Handoff) {
    super(`version ${to} of ${topologyText(name)} was given up: ${reason}`);
  }
}

export interface ChangeOptions extends CommitOptions, Waiting {
  /** For people: what the change is for. */
  readonly reason: string;
  /** Shards that are known to be dead: they are not waited for. */
  readonly lost?: readonly string[] | undefined;
  /** Their processes, which must not have spoken since they were found to be gone; all that are known where it is not given. */
  readonly gone?: readonly StoredNode[] | undefined;
  /** It takes the place of a wave that people have stopped, too: what that one led to is dropped. */
  readonly replacesStopped?: boolean | undefined;
  /** How long to wait for obstacles to go before the change begins; some seconds where it is not given. */
  readonly patienceMs?: number | undefined;
}

/**
 * Changes a cluster's topology by the cluster's own rules: at once, or in a handoff, which an elected controller
 * drives, or this process where there is none. If the driver dies in between, others finish the handoff.
 *
 * What holds, unless it is forced: a version that has to be strict becomes current once every process that may serve
 * another version has confirmed it or is over. So a cluster becomes strict by a handoff, too, and one that was deleted
 * is created again once nothing serves what it was. Where a router is away that no time ends, nothing is begun: it
 * would hold up all other changes.
 * @returns the topology, once it is the current one
 * @throws VersionConflict also where a router or node is in the way; DocumentError where nobody could read it; HandoffAborted; what `signal` was aborted with
 */
export async function changeTopology(
  registry: Registry,
  wanted: TopologyDraft,
  options: ChangeOptions,
): Promise<Topology> {
  // How far an earlier change has come is no part of what people want.
  const draft: TopologyDraft = targetOf(wanted);
  const name = { namespace: draft.namespace, cluster: draft.name };
  // By force also where what is current cannot be read.
  if (options.force === true) return registry.topologies.commit(draft, options);
  const current = await registry.topologies.read(name);
  if (current === null) {
    await clear(registry, name, null, options, () => servesDeleted(registry, name));
    return registry.topologies.commit(draft, options);
  }
  if (!isStrict(current) && !isStrict(draft)) return registry.topologies.commit(draft, options);
  await clear(registry, name, current.version, options, () => blockedBy(registry, name, draft));
  const wave = options.replacesStopped === true ? 'instead' : 'new';
  const staged = await registry.handoffs.stage(draft, options, options.reason, options.lost, options.gone, wave);
  options.onStep?.(staged);
  return { ...draft, version: await settled(registry, name, staged, options) };
}

/** What is in the way may be back in a moment, or done; where it takes longer, people have to know. */
const DEFAULT_PATIENCE_MS = 5000;
const LOOK_MS = 100;

/**
 * Resolves once nothing is in the way.
 * @param obstacle says what is in the way, for people; null: nothing
 * @throws VersionConflict where the obstacle stays; what `signal` was aborted with
 */
async function clear(
  registry: Registry,
  name: TopologyName,
  current: TopologyVersion | null,
  { clock, signal, patienceMs = DEFAULT_PATIENCE_MS }: ChangeOptions,
  obstacle: () => Promise<string | null>,
): Promise<void> {
  const sinceMs = clock();
  for (;;) {
    const reason = await obstacle();
    signal?.throwIfAborted();
    if (reason === null) return;
    if (clock() - sinceMs >= patienceMs) throw new VersionConflict(name, reason, current);
    await registry.pause(LOOK_MS, signal ?? new AbortController().signal);
  }
}

/** Routers that are out of sight and would hold up a change, for people; null: there is none. */
async function blockedBy(registry: Registry, name: TopologyName, to: TopologyDraft): Promise<string | null> {
  const [{ nodes: known, autonomous }, routers] = await Promise.all([
    registry.handoffs.read(name),
    registry.members.list('router'),
  ]);
  const [blocking] = await blockingRouters(registry, name, to, { known, autonomous, routers });
  if (blocking === undefined) return null;
  const router = autonomousRouterName(blocking);
  return `router ${router} is away, and may serve version ${blocking.version} for as long as it runs; this change continues once it is back; if it is known to have ended, run keyway cluster forget ${name.cluster} ${router}; --force waits for nothing`;
}

/** What may still serve a cluster that was deleted. */
async function servesDeleted(registry: Registry, name: TopologyName): Promise<string | null> {
  const { pointer, nodes, autonomous } = await registry.handoffs.read(name);
  if (pointer === null || pointer === undefined) return null;
  const [routers, members] = await Promise.all([
    registry.members.list('router'),
    registry.members.list('node', `${topologyText(name)}/`),
  ]);
  const router = routers.find(({ value }) => (routerValue(value).versions[topologyText(name)] ?? 0) > 0);
  const node = nodes.find((each) => {
    if (!each.fencing || each.ended) return false;
    const member = members.find(isMemberOf(name, each));
    return member === undefined ? each.beyondLeaseMs > 0 : nodeValue(member.value).idle !== true;
  });
  const who =
    router !== undefined
      ? `router ${router.name}`
      : autonomous[0] !== undefined
        ? `router ${autonomousRouterName(autonomous[0])}`
        : node && `shard ${qualified(node.shard, node.instance)}`;
  if (who === undefined) return null;
  return `${who} may still serve what was deleted at version ${pointer.version}; if it is known to have ended, run keyway cluster forget ${name.cluster} ${who.split(' ')[1]}; --force waits for nothing`;
}

/**
 * Resolves once a change is through, with all of its waves.
 * @returns the version that it has led to
 * @throws HandoffAborted
 */
function settled(
  registry: Registry,
  name: TopologyName,
  staged: StoredHandoff,
  waiting: Waiting,
): Promise<TopologyVersion> {
  const { onStep = () => {} } = waiting;
  let { incarnation } = staged;
  return whileControlling(registry, name, waiting, async (over) => {
    for await (const event of registry.handoffs.watch(name, over)) {
      if (event.kind !== 'view') continue;
      incarnation ??= event.incarnation;
      if (event.incarnation !== incarnation)
        throw new HandoffAborted(name, { ...staged, reason: 'the registry went back to what it was before' });
      const { handoff } = event.view;
      if (handoff === null || handoff.revision <= staged.revision) continue;
      if (isOf(staged, handoff)) onStep(handoff);
      const version = await versionBy(registry, name, staged, handoff);
      if (version !== null) return version;
    }
    waiting.signal?.throwIfAborted();
    // Its registry was closed: nobody waits for it any more.
    return staged.to;
  });
}

/** Whether a handoff is of a change: one of its waves, or what takes a lost shard out between two of them. */
function isOf(one: Handoff, { change, wave, to }: Handoff): boolean {
  if (change !== undefined && one.change !== undefined) return change === one.change;
  return (wave?.since ?? to) === one.to;
}

/**
 * What a change has led to, by a handoff that has come since.
 * @returns null where it is not through
 * @throws HandoffAborted
 */
async function versionBy(
  registry: Registry,
  name: TopologyName,
  change: Handoff,
  handoff: Handoff,
): Promise<TopologyVersion | null> {
  const isOurs = isOf(change, handoff);
  if (isOurs && handoff.step !== 'aborted')
    // One that is no wave takes a lost shard out, and the waves go on.
    return handoff.step === 'committed' && handoff.wave?.to === 1 ? handoff.to : null;
  if (isOurs && (await isTriedAgain(registry, name, change, handoff))) return null;
  // Handoffs may have been missed, and that of another change be under way. Nothing but what ends this one comes before the first whole version.
  const end = await registry.topologies.firstWhole(name, change.to);
  if (end !== null && isEnd(change, end)) return end.version;
  if (isOurs) throw new HandoffAborted(name, handoff);
  // How far the change is was read by nobody, and is said anew.
  const from = await registry.topologies.readVersion(name, handoff.from);
  if (from?.moving?.since === change.to && handoff.wave === undefined) return null;
  throw new HandoffAborted(name, { ...change, reason: 'another change has replaced it' });
}

/** Earlier releases do not say which change a version is of. */
function isEnd({ to, change }: Handoff, end: { readonly version: number; readonly change: number | null | undefined }) {
  return end.change === undefined ? end.version === to : end.change === change;
}

/** Whether a handoff that was given up is not the end of its change: what earlier waves have moved stays on its way. */
async function isTriedAgain(
  registry: Registry,
  name: TopologyName,
  change: Handoff,
  { wave, paused }: Handoff,
): Promise<boolean> {
  if (wave?.from === 0 || paused === true) return false;
  return (await registry.topologies.read(name))?.moving?.since === change.to;
}

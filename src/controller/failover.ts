import { type Node, nodesOf, primaryId, type Shard, type Topology, type TopologyDraft } from '../topology/index.ts';
import type { NodeState } from './engine.ts';
import { deathOf, type NodeHealth, type ProbeRules } from './health.ts';

/** What a cluster's failovers go by. */
export interface FailoverRules extends ProbeRules {
  /** Where a larger share of the nodes is missing at once, nothing is failed over: most likely it is the controller that is cut off. */
  readonly maxMissingShare: number;
}

/** A replica that becomes its shard's primary. */
export interface Promotion {
  readonly shard: string;
  readonly node: Node;
  /** The primary before it does not answer: what is under way at it is not waited for. */
  readonly isPrimaryDead: boolean;
  /** For people. */
  readonly reason: string;
}

/** What is to be done about a cluster's shards. */
export interface FailoverPlan {
  readonly promotions: readonly Promotion[];
  /** Shards without a primary that is well for which nothing can be done, with the reason, for people. */
  readonly waits: readonly string[];
}

/** What is known of a node, by its id; undefined: nothing yet. */
export type HealthOf = (node: string) => NodeHealth | undefined;

/**
 * A replica whose link to its primary broke so long before the primary fell silent has missed what the primary took meanwhile. Redis notices a
 * broken link within its repl-timeout at the latest, a minute by default; a link that broke with the primary is younger than the silence.
 */
const MAX_STALE_MS = 10_000;

/** The times that replicas tell are exact to a second. */
const HEARD_EXACT_MS = 1000;

/**
 * A node that comes back claims the slots that it had, until the others have told it that these have another owner: they exchange what they know when
 * they connect, and every half of cluster-node-timeout, which is 15 s by default.
 */
const MIN_CLAIM_MS = 10_000;

/**
 * Which replicas take over, by what all nodes have said of themselves.
 * @param nodesDecide whether what nodes claim to be may be newer than the topology
 */
export function planFailovers(
  topology: Topology,
  healthOf: HealthOf,
  rules: FailoverRules,
  nowMs: number,
  nodesDecide = true,
): FailoverPlan {
  const safe = safeModeReason(topology, healthOf, rules);
  const nodes = nodesOf(topology);
  const found = topology.shards.flatMap((shard) => {
    const own = nodes.filter((node) => node.shard === shard.id);
    return failoverOf(shard, own, safe, healthOf, rules, nowMs, nodesDecide) ?? [];
  });
  return {
    promotions: found.filter((each) => typeof each !== 'string'),
    waits: found.filter((each) => typeof each === 'string'),
  };
}

/**
 * @param own the nodes of the shard
 * @param safe why nothing is failed over; null: nothing speaks against it
 * @returns a text: why nothing can be done; null: nothing has to be
 */
function failoverOf(
  shard: Shard,
  own: readonly Node[],
  safe: string | null,
  healthOf: HealthOf,
  rules: FailoverRules,
  nowMs: number,
  nodesDecide: boolean,
): Promotion | string | null {
  const primary = own.find(({ follows }) => follows === null)?.id as string;
  const health = healthOf(primary);
  const taken = nodesDecide ? own.find((node) => hasTakenOver(node, primary, shard, healthOf)) : undefined;
  if (taken !== undefined) {
    const reason = `the nodes have made it the primary in place of ${primary}`;
    return { shard: shard.id, node: taken, isPrimaryDead: health?.sight.kind !== 'well', reason };
  }
  const death = health === undefined ? null : deathOf(health, rules, nowMs);
  if (health === undefined || death === null) return null;
  const found = safe ?? successorOf(shard, own, health, healthOf, nowMs, nodesDecide);
  if (typeof found === 'string') return `shard ${shard.id}: its primary ${shard.address} is dead (${death}); ${found}`;
  return {
    shard: shard.id,
    node: found,
    isPrimaryDead: true,
    reason: `its primary ${shard.address} is dead: ${death}`,
  };
}

/** Why nothing is failed over now, however dead a primary seems; null: nothing speaks against it. */
function safeModeReason(topology: Topology, healthOf: HealthOf, rules: FailoverRules): string | null {
  const nodes = nodesOf(topology);
  const missing = nodes.filter(({ id }) => (healthOf(id)?.misses ?? 0) > 0).length;
  if (missing <= rules.maxMissingShare * nodes.length) return null;
  return `${missing} of ${nodes.length} nodes do not answer, so that it is rather this controller that is cut off: nothing is failed over`;
}

/**
 * Whether the nodes have made a replica the primary by themselves, as by CLUSTER FAILOVER: the primary of the topology follows it, or is not there
 * to object and the replica has all of the shard's slots.
 */
function hasTakenOver({ id }: Node, primary: string, shard: Shard, healthOf: HealthOf): boolean {
  const sight = healthOf(id)?.sight;
  if (id === primary || sight?.kind !== 'well' || sight.state.role !== 'primary') return false;
  const before = healthOf(primary);
  // Some of its slots may have been moved by another program.
  if (before?.sight.kind === 'well') return before.sight.state.follows === id && sight.state.slots.length > 0;
  if (!ownsAll(sight.state, shard)) return false;
  // One that comes back and has not heard of its successor yet claims what it had, by the epoch that it had.
  return before !== undefined && before.misses > 0 && before.last !== null && sight.state.epoch > before.last.epoch;
}

/** Of a shard without slots it cannot be told. */
function ownsAll({ slots }: NodeState, shard: Shard): boolean {
  const has = (first: number, last: number): boolean => slots.some(([from, to]) => from <= first && last <= to);
  const wanted = shard.slots ?? [];
  return wanted.length > 0 && wanted.every(([first, last]) => has(first, last));
}

/**
 * The replica that has most of what its dead primary had.
 * @param own the nodes of the shard
 * @returns the reason, for people, where none may take over
 */
export function successorOf(
  shard: Shard,
  own: readonly Node[],
  dead: NodeHealth,
  healthOf: HealthOf,
  nowMs: number,
  nodesDecide = true,
): Node | string {
  const primary = own.find(({ follows }) => follows === null)?.id as string;
  const replicas = own.filter(({ id }) => id !== primary);
  if (replicas.length === 0) return 'it has no replica';
  const silentMs = silenceOf(dead, replicas, healthOf, nowMs);
  const refusals: string[] = [];
  let best: { readonly node: Node; readonly offset: number } | null = null;
  const epochs = replicas.flatMap(({ id }) => {
    const sight = healthOf(id)?.sight;
    return sight?.kind === 'well' ? sight.state.epoch : [];
  });
  const newestEpoch = Math.max(...epochs);
  for (const node of replicas) {
    const health = healthOf(node.id);
    const sight = health?.sight;
    const state = sight?.kind === 'well' ? sight.state : null;
    if (state !== null && holdsShard(state, shard, dead, newestEpoch, claimedMsOf(health, nowMs, nodesDecide)))
      return node;
    const refusal = state === null ? (sight?.kind ?? 'not looked at yet') : refusalOf(state, primary, dead, silentMs);
    if (refusal !== null) refusals.push(`${node.address} is no successor: ${refusal}`);
    // As of when the replica was asked: the look at a node that hangs takes until its time is over.
    const sinceMs = (health?.wellAtMs ?? 0) - dead.missingSinceMs;
    if (state?.follows === primary && dead.misses > 0 && hearsOf(state.link?.heardAgoMs ?? null, sinceMs))
      return `its replica ${node.address} still hears of it, so that it is rather this controller that is cut off from it`;
    if (refusal !== null || state === null) continue;
    if (best === null || isBetter(state.offset, node, best)) best = { node, offset: state.offset };
  }
  return best?.node ?? refusals.join('; ');
}

/** With equal offsets the order of their ids decides, so that two controllers choose alike. */
function isBetter(offset: number, { id }: Node, best: { readonly node: Node; readonly offset: number }): boolean {
  return offset !== best.offset ? offset > best.offset : id < best.node.id;
}

/** Whether a replica has received something of its primary since that fell silent here. */
function hearsOf(heardAgoMs: number | null, silentMs: number): boolean {
  return heardAgoMs !== null && heardAgoMs + HEARD_EXACT_MS < silentMs;
}

/**
 * For how long a primary has been silent. One that was never seen well died before this controller looked: then the replica that lost it last tells
 * best when that was.
 */
function silenceOf(dead: NodeHealth, replicas: readonly Node[], healthOf: HealthOf, nowMs: number): number {
  const seenMs = nowMs - (dead.misses > 0 ? dead.missingSinceMs : dead.wellAtMs);
  if (dead.last !== null) return seenMs;
  const downMs = replicas.flatMap(({ id }) => {
    const sight = healthOf(id)?.sight;
    return (sight?.kind === 'well' ? sight.state.link?.downMs : null) ?? [];
  });
  const leastMs = Math.min(...downMs);
  return Number.isFinite(leastMs) ? Math.max(seenMs, leastMs) : seenMs;
}

/**
 * Whether a node is the shard's primary already: the one that was to follow it died before it was told to, or the nodes have decided so while no
 * controller looked. A primary from before, whose data is old, claims all slots for as long as it does not hear from the others; it does not find the
 * cluster in order then, and the replicas of its successor know of a newer claim.
 * @param newestEpoch of all claims that the shard's replicas know
 */
function holdsShard(state: NodeState, shard: Shard, dead: NodeHealth, newestEpoch: number, claimedMs: number): boolean {
  if (state.role !== 'primary' || !ownsAll(state, shard)) return false;
  if (dead.last !== null) return dead.last.role === 'replica';
  return claimedMs >= MIN_CLAIM_MS && state.isClusterOk && state.epoch >= newestEpoch;
}

/** For how long a node has been a primary by what it says. Where nodes do not decide, that counts for nothing. */
function claimedMsOf(health: NodeHealth | undefined, nowMs: number, nodesDecide: boolean): number {
  return nodesDecide ? nowMs - (health?.primarySinceMs ?? nowMs) : 0;
}

/** Why a replica may not take over; null: it may. */
function refusalOf(state: NodeState, primary: string, dead: NodeHealth, silentMs: number): string | null {
  const { role, follows, link, offset } = state;
  if (role !== 'replica' || link === null) return 'it is no replica';
  if (follows !== primary) return `it follows ${follows ?? 'nobody'}`;
  if (link.isSyncing) return 'it is in the middle of a copy of the whole data';
  if (offset <= 0 && (dead.last?.offset ?? 1) > 0) return 'it has nothing of what its primary had';
  if (link.downMs > silentMs + MAX_STALE_MS)
    return 'it lost its primary long before that fell silent, and has missed what came then';
  return null;
}

/** The topology in which replicas have taken over. A primary that was one before stays in its shard, as a replica. */
export function promoted(topology: Topology, promotions: readonly Promotion[]): TopologyDraft {
  const shards = topology.shards.map((shard): Shard => {
    const promotion = promotions.find((each) => each.shard === shard.id);
    if (promotion === undefined) return shard;
    const { id: nodeId, address } = promotion.node;
    const before = { id: primaryId(topology.name, shard), address: shard.address };
    return {
      ...shard,
      nodeId,
      address,
      replicas: [...(shard.replicas ?? []).filter(({ id }) => id !== nodeId), before],
    };
  });
  return { ...topology, version: null, shards };
}

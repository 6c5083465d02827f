import { z } from 'zod';
import type { Moving, Topology, TopologyName, TopologyVersion } from '../topology/index.ts';
import type { AutonomousRouter } from './autonomous-routers.ts';
import { handoffPrefix } from './handoff-prefix.ts';
import { type InstanceId, qualified, unqualified } from './instance.ts';
import type { Entry, Revision } from './store/store.ts';
import { parsed } from './unreadable.ts';

/**
 * Where a handoff is. `stage`: routers get to know what moves; `drain`: watches that move end; `hold`: requests for what moves
 * wait, and shards give up what they lose; then it is over, one way or the other.
 */
export const handoffSteps = ['stage', 'drain', 'hold', 'committed', 'aborted'] as const;
export type HandoffStep = (typeof handoffSteps)[number];

/** Whether a handoff has come as far as a step. */
export function hasReached(reached: HandoffStep, step: HandoffStep): boolean {
  return handoffSteps.indexOf(reached) >= handoffSteps.indexOf(step);
}

/** A part of a change: the keys whose positions are from `from` to below `to`. */
export interface Wave {
  /** The version that the whole change was staged as: it names the change. */
  readonly since: TopologyVersion;
  /** Counts from 1. */
  readonly number: number;
  readonly from: number;
  /** 1: it is the last. */
  readonly to: number;
  /** How often it was made smaller because too many streams would have moved. */
  readonly narrowed: number;
  /** How many streams move by it, as routers have said; null until they all have, or where one does not say. */
  readonly streams: number | null;
  /**
   * Requests are held without asking routers first what moves: by the wave before it about as many streams have moved as may, and no call was slow. Not
   * given any more once one has turned out to be.
   */
  readonly heldAtOnce?: true | undefined;
  /** Shards were declared dead when it was staged. What they had waits for nothing, and so all keys move at once. */
  readonly isWhole?: true | undefined;
}

/** A change of version, as the registry has it. */
export interface Handoff {
  readonly from: TopologyVersion;
  readonly to: TopologyVersion;
  readonly step: HandoffStep;
  /** Grows with each handoff of the cluster, by a random step, and each time that one goes back to draining: what was acknowledged before is void. */
  readonly attempt: number;
  /** How often it has gone back, because a participant did not answer while requests were held. */
  readonly retries: number;
  /**
   * For the attempt that it names: whether every router holds what moves, so that shards give it up. Where it names another
   * one, the driver is of a release that has shards give up as soon as `hold` begins.
   */
  readonly fence?: { readonly attempt: number; readonly isUp: boolean } | undefined;
  /**
   * The attempt as which the whole change was staged, with all of its waves: it names the change, for a version that was given up may have its
   * number again. Earlier releases do not say.
   */
  readonly change?: number | undefined;
  /** Of a change that may go in waves: which of them this is. Not given where all keys have to move at once, as after a shard's loss. */
  readonly wave?: Wave | undefined;
  /** At which step watches end whose keys move; `drain`, over a while, where it is not given. */
  readonly watchesEnd?: 'hold' | undefined;
  /** People have stopped the change: no keys move until they have it go on. */
  readonly paused?: true | undefined;
  /**
   * Shards that people have declared dead meanwhile: they are taken out once this handoff is over, before more keys move. By each the revision at which
   * its processes were looked at: one that has spoken since was not declared dead.
   */
  readonly dead?: Readonly<Record<string, Revision>> | undefined;
  /** Shards that lose keys by it, or may. */
  readonly losing: readonly string[];
  /** Shards that are lost, */
  readonly lost: readonly string[];
  /** and their processes that were known then, by `instanceText`: those are not waited for, but later ones are. */
  readonly givenUp: readonly string[];
  /**
   * Of the registry that it was staged in. In any other one it is given up: the registry has gone back to a time in the middle of it, and what members
   * have said of it may be about steps that are yet to come. Earlier releases do not say.
   */
  readonly incarnation?: string | undefined;
  /** When the step began: the time of day, ISO 8601, by the clock of the process that began it. */
  readonly at: string;
  /** Why it was begun, goes back or was given up. */
  readonly reason: string;
}

export interface StoredHandoff extends Handoff {
  readonly revision: Revision;
}

/**
 * Whether shards should give up what they lose by it: before that, routers may still have requests in flight to them.
 */
export function shardsGiveUp({ step, attempt, fence }: Handoff): boolean {
  return step === 'hold' && (fence?.attempt !== attempt || fence.isUp);
}

export function isUnderWay({ step }: Handoff): boolean {
  return step !== 'committed' && step !== 'aborted';
}

/**
 * Whether people have stopped it where no request waits. What takes a lost shard out goes on, and so does a wave that has lost one: the shard is
 * taken out behind it.
 */
export function isStopped({ paused, wave, step, lost, watchesEnd }: Handoff): boolean {
  if (paused !== true || wave === undefined || lost.length > 0) return false;
  // Watches that end before the hold wait from then on.
  return step === 'stage' || (step === 'drain' && watchesEnd === 'hold');
}

/** Whether it is a part of a change that goes on with the next one. */
export function goesOn({ wave }: Handoff): boolean {
  return wave !== undefined && wave.to < 1;
}

/** For messages. */
export function underWay({ to, step, wave }: Handoff): string {
  const stop = wave === undefined ? '' : ', stop it (keyway topology pause)';
  return `a handoff to version ${to} is under way (${step}); wait for it${stop}, or give it up: keyway topology apply --abort`;
}

/** For messages, between two waves. */
export function onItsWay({ since, cursor }: Moving): string {
  return `the change that began with version ${since} has moved ${Math.floor(100 * cursor)}% of the keys; wait for it, stop it (keyway topology pause), or give it up: keyway topology apply --abort`;
}

/** What one process of a node may do, as it has said itself. */
export interface NodeRights {
  /** It takes part in handoffs: refuses what it has lost. */
  readonly fencing: boolean;
  /** Where it is reached; empty: by an earlier release, which did not say. */
  readonly address: string;
  /**
   * For how long it may serve beyond the end of its lease; infinite: until it hears of another owner. It never relies
   * on more than what stands here: a longer time is written before it counts, a shorter one after.
   */
  readonly beyondLeaseMs: number;
  /** It serves nothing any more, for certain. */
  readonly ended: boolean;
  /** Which process of its machine it is, where that is known: so that the next one there can tell whether it has ended. */
  readonly process: string;
}

/** Which process of which node. */
export interface NodeInstance {
  readonly shard: string;
  readonly nodeId: string;
  readonly instance: InstanceId;
}

/** A process that has to be waited for, lease or no lease, until it has ended or is given up. */
export interface KnownNode extends NodeInstance, NodeRights {}

export interface StoredNode extends KnownNode {
  /** Of what it last said: where it has spoken since then, what was thought of it may be wrong. */
  readonly revision: Revision;
}

/** What is known of a cluster's handoffs at one moment. */
export interface HandoffState {
  /** The last one, under way or over; null where there never was one. */
  readonly handoff: StoredHandoff | null;
  readonly nodes: readonly StoredNode[];
  /** Routers that may go on without their leases. */
  readonly autonomous: readonly AutonomousRouter[];
}

/** The same, with what it leads to. */
export interface HandoffView extends HandoffState {
  /** As long as it is under way; the same object for as long as it is the same. */
  readonly staged: Topology | null;
}

export const stateKey = (name: TopologyName): string => `${handoffPrefix(name)}state`;
export const stagedKey = (name: TopologyName): string => `${handoffPrefix(name)}staged`;
export const nodesOf = (name: TopologyName): string => `${handoffPrefix(name)}node/`;
export const nodeKey = (name: TopologyName, node: NodeInstance): string => nodesOf(name) + instanceText(node);

/** Names a process of a node within its cluster. */
export function instanceText({ shard, nodeId, instance }: NodeInstance): string {
  return `${shard}/${qualified(nodeId, instance)}`;
}

/** @throws UnreadableEntry */
export function handoffOf(entry: Entry | null | undefined): StoredHandoff | null {
  if (entry === null || entry === undefined) return null;
  return { ...(parsed(entry, handoffSchema) as object as Handoff), revision: entry.revision };
}

/** Stands where the step would, while people have stopped a handoff. */
const STOPPED = 'stopped';

/**
 * As it is stored. One that is stopped has a step that releases before pauses do not know: their drivers leave it alone, where they would have
 * gone on.
 */
export function handoffText(handoff: Handoff): string {
  return JSON.stringify(isStopped(handoff) ? { ...handoff, step: STOPPED, stoppedAt: handoff.step } : handoff);
}

/**
 * What takes the place of a handoff that cannot be read, and that is given up with it. Attempts go on behind the last one, and what people have
 * stopped stays stopped, as far as that can still be read.
 */
export function inPlaceOf({ value }: Entry, version: TopologyVersion, reason: string, at: string): Handoff {
  const said = salvageSchema.parse(jsonOrNothing(value));
  const attempt = said.attempt + 1;
  const nothing = { losing: [], lost: [], givenUp: [], retries: 0 };
  return { ...nothing, ...said, from: version, to: version, step: 'aborted', attempt, at, reason };
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const salvageSchema = z
  .object({ attempt: z.int().min(0).catch(0), paused: z.literal(true).optional().catch(undefined) })
  .catch({ attempt: 0, paused: undefined });

const wave = z.object({
  since: z.int(),
  number: z.int(),
  from: z.number(),
  to: z.number(),
  narrowed: z.int(),
  streams: z.number().nullable(),
  heldAtOnce: z.literal(true).optional().catch(undefined),
  isWhole: z.literal(true).optional().catch(undefined),
});

/** A step that this release does not know is one that it must not misread: then the whole is unreadable. */
const storedHandoff = z.looseObject({
  from: z.int(),
  to: z.int(),
  step: z.enum([...handoffSteps, STOPPED]),
  stoppedAt: z.enum(['stage', 'drain']).default('stage'),
  attempt: z.int(),
  retries: z.int().default(0),
  losing: z.array(z.string()),
  lost: z.array(z.string()).default([]),
  // What an earlier release does not say, and what a later one says in another way, is nothing that has to be understood.
  change: z.int().optional().catch(undefined),
  wave: wave.optional().catch(undefined),
  watchesEnd: z.literal('hold').optional().catch(undefined),
  paused: z.literal(true).optional().catch(undefined),
  dead: z
    .record(
      z.string(),
      z.int().transform((revision) => revision as Revision),
    )
    .optional()
    .catch(undefined),
  incarnation: z.string().optional().catch(undefined),
  // An earlier release gave up no process by name.
  givenUp: z.array(z.string()).default([]),
  at: z.string().default(''),
  reason: z.string().default(''),
});

const handoffSchema = storedHandoff.transform(({ stoppedAt, step, ...rest }) => ({
  ...rest,
  step: step === STOPPED ? stoppedAt : step,
}));

/** As it is stored: JSON has no infinity. */
export function rightsText({ fencing, address, beyondLeaseMs, ended, process }: NodeRights): string {
  const bounded = Number.isFinite(beyondLeaseMs) ? { beyondLeaseMs } : {};
  return JSON.stringify({ fencing, address, ...bounded, ...(ended ? { ended } : {}), ...(process && { process }) });
}

/** What an earlier release did not say is what it may do at most. */
const rightsSchema = z.object({
  fencing: z.boolean(),
  address: z.string().default(''),
  beyondLeaseMs: z.number().default(Number.POSITIVE_INFINITY),
  ended: z.boolean().default(false),
  process: z.string().default(''),
});

/** Null where the key is another entry's. @throws UnreadableEntry */
export function knownNodeOf(name: TopologyName, entry: Entry): StoredNode | null {
  const { key, revision } = entry;
  if (!key.startsWith(nodesOf(name))) return null;
  const [shard = '', node = ''] = key.slice(nodesOf(name).length).split('/');
  const { name: nodeId, instance } = unqualified(node);
  return { shard, nodeId, instance, revision, ...parsed(entry, rightsSchema) };
}

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
}

/** A change of version, as the registry has it. */
export interface Handoff {
  readonly from: TopologyVersion;
  readonly to: TopologyVersion;
  readonly step: HandoffStep;
  /** Grows with each handoff of the cluster, and each time that one goes back to draining: what was acknowledged before is void. */
  readonly attempt: number;
  /** How often it has gone back, because a participant did not answer while requests were held. */
  readonly retries: number;
  /**
   * For the attempt that it names: whether every router holds what moves, so that shards give it up. Where it names another
   * one, the driver is of a release that has shards give up as soon as `hold` begins.
   */
  readonly fence?: { readonly attempt: number; readonly isUp: boolean } | undefined;
  /** Of a change that may go in waves: which of them this is. Not given where all keys have to move at once, as after a shard's loss. */
  readonly wave?: Wave | undefined;
  /** At which step watches end whose keys move; `drain`, over a while, where it is not given. */
  readonly watchesEnd?: 'hold' | undefined;
  /** People have stopped the change: no keys move until they have it go on. */
  readonly paused?: true | undefined;
  /** Shards that lose keys by it, or may. */
  readonly losing: readonly string[];
  /** Shards that are lost, */
  readonly lost: readonly string[];
  /** and their processes that were known then, by `instanceText`: those are not waited for, but later ones are. */
  readonly givenUp: readonly string[];
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

/** Whether it is a part of a change that goes on with the next one. */
export function goesOn({ wave }: Handoff): boolean {
  return wave !== undefined && wave.to < 1;
}

/** For messages. */
export function underWay({ to, step }: Handoff): string {
  return `a handoff to version ${to} is under way (${step}); wait for it, or give it up: keyway topology apply --abort`;
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

const wave = z.object({
  since: z.int(),
  number: z.int(),
  from: z.number(),
  to: z.number(),
  narrowed: z.int(),
  streams: z.number().nullable(),
});

/** A step that this release does not know is one that it must not misread: then the whole is unreadable. */
const handoffSchema = z.looseObject({
  from: z.int(),
  to: z.int(),
  step: z.enum(handoffSteps),
  attempt: z.int(),
  retries: z.int().default(0),
  losing: z.array(z.string()),
  lost: z.array(z.string()).default([]),
  // What an earlier release does not say, and what a later one says in another way, is nothing that has to be understood.
  wave: wave.optional().catch(undefined),
  watchesEnd: z.literal('hold').optional().catch(undefined),
  paused: z.literal(true).optional().catch(undefined),
  // An earlier release gave up no process by name.
  givenUp: z.array(z.string()).default([]),
  at: z.string().default(''),
  reason: z.string().default(''),
});

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

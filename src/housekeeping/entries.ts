import { z } from 'zod';
import type { FencingToken } from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';
import type { UnitKind } from './unit.ts';

/** The node that carries out the tasks of a unit. It holds for as long as the term does by which it was made. */
export interface Claim {
  readonly election: string;
  readonly token: FencingToken;
  /** For people. */
  readonly node: string;
}

/**
 * What came of a run. `partial`: as many candidates as a run may look at; `stopped`: the unit has gone elsewhere, or its
 * node has lost its term; `overran`: the time limit; `stale`: the store knew a later claim.
 */
export type RunOutcome = 'done' | 'partial' | 'stopped' | 'overran' | 'failed' | 'stale';

export interface RunRecord {
  /** The time of day, as all times here. */
  readonly beganMs: number;
  readonly tookMs: number;
  readonly outcome: RunOutcome;
  readonly candidates: number;
  readonly changed: number;
  readonly node: string;
  readonly token: FencingToken;
  readonly error?: string;
}

/** What is known of a task for a unit. */
export interface TaskState {
  readonly nextMs: number;
  readonly cursor: string | null;
  /** One after the other. */
  readonly failures: number;
  /** The last order to run it that was followed. */
  readonly ordered: number;
  /** The last ones, the newest first. */
  readonly runs: readonly RunRecord[];
}

/** A unit's tasks, by name. */
export interface UnitState {
  readonly tasks: Readonly<Record<string, TaskState>>;
}

/** A task as its nodes have it: for people. */
export interface TaskDescription {
  readonly unit: UnitKind;
  readonly schedule: string;
  readonly concurrency: number;
  readonly timeLimitMs: number;
  readonly candidates: number;
}

/**
 * An order to carry a task out at once, for all of its units or for a project. Its revision distinguishes it from
 * earlier ones.
 */
export interface Order {
  readonly at: string;
}

/** Tasks that are not carried out. */
export interface Paused {
  readonly tasks: readonly string[];
}

const runSchema = z.looseObject({
  beganMs: z.number(),
  tookMs: z.number(),
  outcome: z.string(),
  candidates: z.number(),
  changed: z.number(),
  node: z.string(),
  token: z.number(),
  error: z.string().optional(),
});

/** What a later release has added to a task's state stays in it. A run of one's past that cannot be read is forgotten. */
const taskStateSchema = z.looseObject({
  nextMs: z.number(),
  cursor: z.string().nullable(),
  failures: z.number(),
  ordered: z.number(),
  runs: z.array(z.unknown()).transform((runs) => runs.filter((run) => runSchema.safeParse(run).success)),
});

/** How documents have to be for this release to read them. */
export const schemas = {
  claim: z.object({ election: z.string(), token: z.number(), node: z.string() }),
  paused: z.object({ tasks: z.array(z.string()) }),
  state: z.looseObject({ tasks: z.record(z.string(), taskStateSchema) }),
  task: z.looseObject({
    unit: z.enum(['cluster', 'shard', 'project']),
    schedule: z.string(),
    concurrency: z.number(),
    timeLimitMs: z.number(),
    candidates: z.number(),
  }),
} as const;

/** Names of a cluster's documents in the registry. */
export function entriesOf(name: TopologyName) {
  const base = `housekeeping/${topologyText(name)}`;
  return {
    /** What every node follows: states change too often, and are their holders' alone. */
    followed: `${base}/board/`,
    claims: `${base}/board/claim/`,
    orders: `${base}/board/order/`,
    paused: `${base}/board/paused`,
    states: `${base}/state/`,
    tasks: `${base}/task/`,
  };
}

/** Of all nodes of a cluster one leads it. */
export function clusterElection(name: TopologyName): string {
  return `housekeeping/${topologyText(name)}`;
}

/** Of all nodes of a shard one leads it. */
export function shardElection(name: TopologyName, shard: string): string {
  return `${clusterElection(name)}/shard/${shard}`;
}

import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import { formatDuration } from '../../../src/runtime/quantity.ts';
import type { Scope } from '../../support/processes.ts';
import { seeded } from '../../support/random.ts';
import { KeywayWorld } from '../keyway-world.ts';
import { Storm } from '../storm.ts';
import {
  checkHousekeeping,
  type HousekeepingHistory,
  type HousekeepingJudgement,
  parseHousekeeping,
} from './checker.ts';
import { HousekeepingLoad } from './load.ts';

export interface HousekeepingChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly store: 'embedded' | 'etcd';
  readonly faults: boolean;
}

export interface HousekeepingChaosResult {
  readonly history: HousekeepingHistory;
  readonly judgement: HousekeepingJudgement;
}

const PROJECTS = Array.from({ length: 200 }, (_, i) => `project${i}`);
/** Loads have the seeds behind the run's own; this is beyond them. */
const FAULT_SEED = 1_000_000;
const SHARDS = 3;
/** Short, so that a minute sees many turns, and a fault that a leader does not outlive. */
const EVERY_MS = 3000;
const EVERY = formatDuration(EVERY_MS);
const PROJECTS_EVERY_MS = 500;
const JITTER = 0.1;
const LEASE_MS = 3000;
const LEASE = { length: formatDuration(LEASE_MS), renew: '600ms', liveness: '2s' };
/** A hundred units' tasks may be due in one moment, on a machine that has six processes and two cores. */
const SLACK_MS = 2000;
const PROJECT_TASKS = ['compaction', 'tombstones', 'sessions'];

const SETTINGS = {
  lease: LEASE,
  projectsEvery: formatDuration(PROJECTS_EVERY_MS),
  tasks: {
    compaction: { every: EVERY, jitter: JITTER, leastChanges: 6, keptChanges: 2 },
    tombstones: { every: EVERY, jitter: JITTER, after: '1s' },
    sessions: { every: EVERY, jitter: JITTER, idle: '500ms' },
    expiry: { every: EVERY, jitter: JITTER },
    optimize: { every: EVERY, jitter: JITTER },
  },
};

/** Has three shards keep house for two hundred projects while they are killed, stopped and cut off, and projects move. */
export async function runHousekeepingChaos(
  scope: Scope,
  { seed, seconds, store, faults }: HousekeepingChaosOptions,
  print: (line: string) => void,
): Promise<HousekeepingChaosResult> {
  const housekeeping = scope.file('housekeeping.yaml', stringify(SETTINGS));
  const world = await KeywayWorld.start(scope, { store, routers: 1, shards: SHARDS, housekeeping });
  const endpoint = world.routers[0]?.endpoint as string;
  const loads = Array.from({ length: 4 }, (_, i) => new HousekeepingLoad(endpoint, PROJECTS, seeded(seed + 1 + i)));
  await loads[0]?.begin();
  const running = loads.map((load) => load.run());
  // By then every shard has seen every project.
  const since = machineClock() + PROJECTS_EVERY_MS;
  const storm = new Storm({
    world,
    keys: PROJECTS,
    random: seeded(seed),
    randomFault: seeded(seed + FAULT_SEED),
    fewestShards: 2,
    hasRecovered: (sinceMs) => loads.every((load) => load.hasSucceededSince(sinceMs)),
    print,
  });
  await storm.run(seconds, faults);
  for (const load of loads) load.stop();
  await Promise.all(running);
  for (const load of loads) load.close();
  await storm.settle('the end');
  const end = machineClock();
  const logs = world.shards.map(({ id, deaths }) =>
    parseHousekeeping(id, readFileSync(world.documents.logOf(id), 'utf8'), deaths, end),
  );
  const projectTasks = PROJECTS.flatMap((project) =>
    PROJECT_TASKS.map((task) => ({ task, unit: `project/${project}`, since })),
  );
  const history: HousekeepingHistory = {
    runs: logs.flatMap(({ runs }) => runs),
    writes: logs.flatMap(({ writes }) => writes),
    stops: [...world.shards, ...logs].flatMap(({ stops }) => stops),
    disturbances: storm.disturbances,
    faults: storm.faults,
    due: [...projectTasks, { task: 'optimize', unit: 'cluster', since }],
    end,
  };
  const times = { everyMs: EVERY_MS, jitter: JITTER, leaseMs: LEASE_MS, slackMs: SLACK_MS };
  return { history, judgement: checkHousekeeping(history, times) };
}

/**
 * `npm run bench:housekeeping`: who does how much, and how late, where the cluster's leader carries out the tasks of all
 * projects, and where the owner of each does; and what requests notice of it.
 *
 *   node bench/housekeeping.ts [--projects 1000] [--nodes 5] [--every 10000] [--seconds 30]
 */

import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { Board, type ProjectsBy } from '../src/housekeeping/index.ts';
import { machineClock } from '../src/runtime/machine-clock.ts';
import { formatDuration } from '../src/runtime/quantity.ts';
import { Caller } from '../test/chaos/clients/index.ts';
import { type LoggedRunOfShard, parseHousekeeping } from '../test/chaos/housekeeping/checker.ts';
import { KeywayWorld } from '../test/chaos/keyway-world.ts';
import { NAME } from '../test/chaos/world.ts';
import { Scope } from '../test/support/processes.ts';
import { seeded } from '../test/support/random.ts';
import { cpuSeconds } from './support/process-cost.ts';

const { values } = parseArgs({
  options: {
    projects: { type: 'string', default: '1000' },
    nodes: { type: 'string', default: '5' },
    every: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '30' },
  },
});
const projects = Array.from({ length: Number(values.projects) }, (_, i) => `project${i}`);
const everyMs = Number(values.every);
const seconds = Number(values.seconds);
/** Of the comparison of requests with and without housekeeping. */
const ROUNDS = 5;
const ROUND_SECONDS = 12;
const DOCUMENTS = 5;
const CHANGES = 30;
const TASKS = ['compaction', 'tombstones', 'sessions'];
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);

const at = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;

function settings(projectsBy: ProjectsBy): string {
  // Without jitter a run's lag is what it comes later than an interval after the one before.
  const task = { every: formatDuration(everyMs), jitter: 0 };
  return stringify({
    projectsBy,
    tasks: {
      compaction: { ...task, leastChanges: 10, keptChanges: 5 },
      tombstones: task,
      sessions: task,
      expiry: task,
    },
  });
}

async function start(scope: Scope, projectsBy: ProjectsBy, routers: number, shards: number): Promise<KeywayWorld> {
  const housekeeping = scope.file('housekeeping.yaml', settings(projectsBy));
  const world = await KeywayWorld.start(scope, { store: 'embedded', routers, shards, housekeeping });
  fill(world.documents.file);
  return world;
}

/** Documents with more changes than are kept. */
function fill(file: string): void {
  const database = new DatabaseSync(file, { timeout: 10_000 });
  database.exec('BEGIN IMMEDIATE');
  const change = database.prepare('INSERT INTO changes (key, value, version, at) VALUES (?, ?, 0, 0)');
  const document = database.prepare('INSERT INTO documents (key, value, revision) VALUES (?, ?, ?)');
  const value = Buffer.alloc(100, 'v');
  for (const project of projects)
    for (let i = 0; i < DOCUMENTS; i++) {
      let revision = 0;
      for (let n = 0; n < CHANGES; n++) revision = Number(change.run(`${project}/d${i}`, value).lastInsertRowid);
      document.run(`${project}/d${i}`, value, revision);
    }
  database.exec('COMMIT');
  database.close();
}

function runsOf(world: KeywayWorld): LoggedRunOfShard[] {
  return world.shards.flatMap(({ id }) => [
    ...parseHousekeeping(id, readFileSync(world.documents.logOf(id), 'utf8'), [], machineClock()).runs,
  ]);
}

/** Every unit's tasks have had their first turn. */
async function underWay(world: KeywayWorld): Promise<void> {
  const board = new Board(world.registry, NAME);
  for (;;) {
    const states = [...(await board.allStates())].filter(([unit]) => unit.startsWith('project/'));
    const begun = states.filter(([, { tasks }]) => TASKS.every((task) => (tasks[task]?.runs.length ?? 0) > 0));
    if (begun.length === projects.length) return;
    await pause(500);
  }
}

async function compare(projectsBy: ProjectsBy): Promise<void> {
  const scope = new Scope();
  try {
    const world = await start(scope, projectsBy, 0, Number(values.nodes));
    await underWay(world);
    const cpu = (): number[] => world.shards.map(({ pid }) => cpuSeconds(pid));
    const before = cpu();
    const since = machineClock();
    await pause(seconds * 1000);
    const until = machineClock();
    const spent = cpu().map((after, i) => (100 * (after - (before[i] ?? 0))) / seconds);
    const runs = runsOf(world).filter(({ unit }) => unit.startsWith('project/'));
    const during = runs.filter(({ begin }) => begin >= since && begin < until);
    const byShard = world.shards.map(({ id }) => during.filter(({ shard }) => shard === id).length);
    const share = Math.max(...byShard) / during.length;
    const lags = lagsOf(runs, since).sort((one, other) => one - other);
    const total = spent.reduce((sum, each) => sum + each, 0);
    tell(
      `| ${projectsBy} | ${(during.length / seconds).toFixed(0)} | ${(100 * share).toFixed(0)}% | ${Math.max(...spent).toFixed(1)}% | ${total.toFixed(1)}% | ${at(lags, 0.5).toFixed(0)} ms | ${at(lags, 0.99).toFixed(0)} ms |`,
    );
  } finally {
    await scope.release();
  }
}

/** How much later than an interval after the one before each run began. */
function lagsOf(runs: readonly LoggedRunOfShard[], since: number): number[] {
  const last = new Map<string, number>();
  const lags: number[] = [];
  for (const { task, unit, begin } of [...runs].sort((one, other) => one.begin - other.begin)) {
    const before = last.get(`${task} ${unit}`);
    if (before !== undefined && begin >= since) lags.push(begin - before - everyMs);
    last.set(`${task} ${unit}`, begin);
  }
  return lags;
}

/** Requests of clients while housekeeping is paused, and while it is not. */
async function live(): Promise<void> {
  const scope = new Scope();
  try {
    const world = await start(scope, 'owner', 1, 3);
    await underWay(world);
    const board = new Board(world.registry, NAME);
    const tasks = [...(await board.tasks()).keys()];
    tell('\n| gets and puts of 8 clients | calls | p50 | p99 |');
    tell('| --- | --- | --- | --- |');
    const observe = async (name: string, paused: boolean): Promise<number> => {
      await board.pause(() => (paused ? tasks : []));
      await pause(2000);
      const latencies = await callsOf(world, ROUND_SECONDS * 1000);
      tell(
        `| ${name} | ${latencies.length} | ${at(latencies, 0.5).toFixed(2)} ms | ${at(latencies, 0.99).toFixed(2)} ms |`,
      );
      return at(latencies, 0.99);
    };
    await callsOf(world, 5000);
    const [quiet, busy]: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      quiet.push(await observe('paused', true));
      busy.push(await observe('housekeeping', false));
    }
    const median = (all: number[]): number =>
      at(
        all.sort((one, other) => one - other),
        0.5,
      );
    tell(`\nThe median p99 with housekeeping is ${(median(busy) / median(quiet)).toFixed(2)} times that without.`);
  } finally {
    await scope.release();
  }
}

async function callsOf(world: KeywayWorld, ms: number): Promise<number[]> {
  const setup = {
    endpoints: world.routers.map(({ endpoint }) => endpoint),
    keys: projects.flatMap((project) => Array.from({ length: DOCUMENTS }, (_, i) => `${project}/d${i}`)),
    thinkMs: 10,
    randomOf: (client: number) => seeded(client),
    isVaried: false,
    mostDelayMs: 0,
  };
  const callers = Array.from({ length: 8 }, (_, i) => new Caller(i, setup));
  const running = callers.map((caller) => caller.run());
  await pause(ms);
  for (const caller of callers) caller.stop();
  await Promise.all(running);
  for (const caller of callers) caller.close();
  return callers
    .flatMap(({ calls }) => calls)
    .map(({ begin, end }) => end - begin)
    .sort((one, other) => one - other);
}

tell(
  `${projects.length} projects of ${DOCUMENTS} documents, ${TASKS.length} tasks every ${everyMs / 1000} s, ${values.nodes} nodes\n`,
);
tell("| projects' tasks by | runs/s | of these the busiest node | its CPU | all nodes' CPU | lag p50 | p99 |");
tell('| --- | --- | --- | --- | --- | --- | --- |');
await compare('leader');
await compare('owner');
await live();
process.exit(0);

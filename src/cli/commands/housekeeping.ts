import { Command } from 'commander';
import {
  Board,
  type RunRecord,
  type TaskDescription,
  type TaskState,
  type UnitState,
} from '../../housekeeping/index.ts';
import type { Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { type ClusterFlags, namedCluster, withClusterOptions } from '../options/named-cluster.ts';
import { integerOption } from '../options/options.ts';
import { inRegistry } from '../options/registry-option.ts';
import { listing } from '../output/table.ts';
import { writeOut, writeTables } from '../output/terminal.ts';
import { withInterruptNote } from '../signals.ts';

interface ListFlags extends ClusterFlags {
  readonly units?: true;
  readonly json?: true;
}

interface HistoryFlags extends ClusterFlags {
  readonly project?: string;
  readonly limit: number;
  readonly json?: true;
}

const MAX_RUNS = 100_000;

/** `keyway housekeeping`: what is carried out for which unit, and when. */
export function housekeepingCommand(): Command {
  const command = new Command('housekeeping')
    .description('list, run and pause periodic work on the data')
    .addHelpText(
      'after',
      '\nExample:\n  keyway housekeeping list\n  keyway housekeeping run compaction --project demo',
    );
  withClusterOptions(
    command
      .command('list')
      .description('list the tasks of a cluster and their state')
      .option('--units', 'each unit of each task')
      .option('--json', 'print one JSON object per line')
      .addHelpText('after', '\nExample:\n  keyway housekeeping list --units'),
  ).action((flags: ListFlags) =>
    withBoard(flags, async (board) => {
      const state = await stateOf(board);
      const text = flags.units === true ? unitsText(state, flags) : tasksText(state, flags);
      writeTables(text, flags.json === true);
    }),
  );
  withClusterOptions(
    command
      .command('run')
      .description('run a task now, and wait for the result')
      .argument('<task>')
      .option('--project <name>', 'only for this project')
      .option('--no-wait', 'request the run, and do not wait for it')
      .addHelpText('after', '\nExample:\n  keyway housekeeping run compaction --project demo'),
  ).action((task: string, flags: ClusterFlags & { project?: string; wait: boolean }) =>
    withBoard(flags, (board) => run(board, task, flags)),
  );
  withClusterOptions(
    command
      .command('pause')
      .description('stop running tasks until they are resumed; keyway housekeeping run still runs them')
      .argument('<task...>')
      .addHelpText('after', '\nExample:\n  keyway housekeeping pause compaction'),
  ).action((tasks: string[], flags: ClusterFlags) =>
    withBoard(flags, (board) => pause(board, tasks, (paused) => [...new Set([...paused, ...tasks])].sort())),
  );
  withClusterOptions(
    command
      .command('resume')
      .description('run paused tasks again; turns that were missed are made up for once')
      .argument('<task...>')
      .addHelpText('after', '\nExample:\n  keyway housekeeping resume compaction'),
  ).action((tasks: string[], flags: ClusterFlags) =>
    withBoard(flags, (board) => pause(board, tasks, (paused) => paused.filter((task) => !tasks.includes(task)))),
  );
  withClusterOptions(
    command
      .command('history')
      .description('list the last runs, newest first')
      .argument('[task]')
      .option('--project <name>', 'of this project alone')
      .option('--limit <number>', 'how many', integerOption(1, MAX_RUNS), 50)
      .option('--json', 'print one JSON object per line')
      .addHelpText('after', '\nExample:\n  keyway housekeeping history compaction --limit 10'),
  ).action((task: string | undefined, flags: HistoryFlags) =>
    withBoard(flags, async (board) => {
      writeTables(historyText(await stateOf(board), task, flags), flags.json === true);
    }),
  );
  return command;
}

function withBoard<Result>(flags: ClusterFlags, action: (board: Board) => Promise<Result>): Promise<Result> {
  return inRegistry(flags, async (registry: Registry) =>
    action(new Board(registry, await namedCluster(registry, flags))),
  );
}

interface Standing {
  readonly tasks: ReadonlyMap<string, TaskDescription>;
  readonly states: ReadonlyMap<string, UnitState>;
  /** The node that holds a unit. */
  readonly holders: ReadonlyMap<string, string>;
  readonly paused: readonly string[];
}

async function stateOf(board: Board): Promise<Standing> {
  const [tasks, states, claims, paused] = await Promise.all([
    board.tasks(),
    board.allStates(),
    board.claims(),
    board.paused(),
  ]);
  return { tasks, states, holders: new Map([...claims].map(([unit, { node }]) => [unit, node])), paused };
}

/** Every unit's state of one task. */
function unitsOf(task: string, { states }: Standing): Array<TaskState & { readonly unit: string }> {
  return [...states].flatMap(([unit, { tasks }]) => {
    const state = tasks[task];
    return state === undefined ? [] : [{ unit, ...state }];
  });
}

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

const NO_TASKS =
  'no node has reported any task: keyway backend --cluster, and keyway node register --housekeeping, do housekeeping';

function tasksText(standing: Standing, { json }: ListFlags): string {
  const nowMs = Date.now();
  const rows = [...standing.tasks].map(([task, description]) => {
    const units = unitsOf(task, standing);
    const last = units.flatMap(({ runs }) => runs.slice(0, 1));
    return {
      task,
      ...description,
      units: units.length,
      state: standing.paused.includes(task) ? 'paused' : 'on',
      failing: units.filter(({ failures }) => failures > 0).length,
      /** The longest that a unit has waited for its turn. */
      lagMs: Math.max(0, ...units.map(({ nextMs }) => nowMs - nextMs)),
      last: last.length === 0 ? null : Math.max(...last.map(({ beganMs }) => beganMs)),
      changed: last.reduce((sum, { changed }) => sum + changed, 0),
      ofUnit: description.unit,
    };
  });
  return listing(
    rows,
    {
      task: (row) => row.task,
      for: (row) => (row.ofUnit === 'cluster' ? 'the cluster' : `each ${row.ofUnit}`),
      when: (row) => row.schedule,
      state: (row) => row.state,
      units: (row) => row.units,
      failing: (row) => row.failing,
      'longest lag': (row) => `${(row.lagMs / 1000).toFixed(1)} s`,
      'last run': (row) => (row.last === null ? '-' : time(row.last)),
      changed: (row) => row.changed,
    },
    json === true,
    NO_TASKS,
  );
}

function unitsText(standing: Standing, { json }: ListFlags): string {
  const rows = [...standing.tasks.keys()].flatMap((task) =>
    unitsOf(task, standing).map(({ unit, nextMs, cursor, failures, runs }) => {
      const [last = null] = runs;
      return { task, unit, node: standing.holders.get(unit) ?? null, nextMs, cursor, failures, last };
    }),
  );
  return listing(
    rows,
    {
      task: (row) => row.task,
      unit: (row) => row.unit,
      node: (row) => row.node ?? '-',
      next: (row) => time(row.nextMs),
      failures: (row) => row.failures,
      cursor: (row) => row.cursor ?? '-',
      'last run': (row) => (row.last === null ? '-' : `${time(row.last.beganMs)} ${row.last.outcome}`),
    },
    json === true,
    standing.tasks.size === 0
      ? NO_TASKS
      : 'no unit has a state yet: nodes look for units when they start, and then every few seconds',
  );
}

function historyText(standing: Standing, only: string | undefined, { project, limit, json }: HistoryFlags): string {
  if (only !== undefined) known(standing.tasks, only);
  const rows = [...standing.tasks.keys()]
    .filter((task) => only === undefined || task === only)
    .flatMap((task) => unitsOf(task, standing).flatMap(({ unit, runs }) => runs.map((run) => ({ task, unit, ...run }))))
    .filter(({ unit }) => project === undefined || unit === `project/${project}`)
    .sort((one, other) => other.beganMs - one.beganMs)
    .slice(0, limit);
  return listing(
    rows,
    {
      began: (row) => time(row.beganMs),
      task: (row) => row.task,
      unit: (row) => row.unit,
      node: (row) => row.node,
      took: (row) => `${row.tookMs} ms`,
      outcome: (row) => row.outcome,
      candidates: (row) => row.candidates,
      changed: (row) => row.changed,
      error: (row) => row.error ?? '',
    },
    json === true,
    'no run is kept',
  );
}

/** @throws UsageError where there is no such task */
function known(tasks: ReadonlyMap<string, TaskDescription>, task: string): TaskDescription {
  const description = tasks.get(task);
  if (description !== undefined) return description;
  const names = [...tasks.keys()].join(', ');
  throw new UsageError(`there is no task ${task}; ${names === '' ? 'no node has reported any' : `there are ${names}`}`);
}

const LOOKS_EVERY_MS = 200;
const WAITS_MS = 300_000;

async function run(board: Board, task: string, { project, wait }: { project?: string; wait: boolean }): Promise<void> {
  const description = known(await board.tasks(), task);
  if (project !== undefined && description.unit !== 'project')
    throw new UsageError(`${task} is carried out for each ${description.unit}; leave --project out`);
  const unit = project === undefined ? null : `project/${project}`;
  const before = unitsOf(task, await stateOf(board));
  const units = before.filter((each) => unit === null || each.unit === unit).map((each) => each.unit);
  if (units.length === 0)
    throw new UsageError(`nodes have found no ${unit ?? description.unit} to carry ${task} out for`);
  const order = await board.order(task, unit, { at: new Date().toISOString() });
  if (!wait) {
    writeOut(`${task} is requested for ${units.length} of ${description.unit}\n`);
    return;
  }
  const goesOn = 'the run continues without this command: keyway housekeeping history shows its result';
  const runs = await withInterruptNote(
    () => goesOn,
    () => outcomes(board, task, new Set(units), order),
  );
  const changed = runs.reduce((sum, each) => sum + each.changed, 0);
  const candidates = runs.reduce((sum, each) => sum + each.candidates, 0);
  writeOut(
    `${task}: ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, ${candidates} checked, ${changed} changed\n`,
  );
  const failed = runs.filter(({ error }) => error !== undefined);
  if (failed.length > 0) throw new Error(`${failed.length} of ${runs.length} runs failed: ${failed[0]?.error}`);
}

/** The runs that follow an order. */
async function outcomes(board: Board, task: string, units: ReadonlySet<string>, order: number): Promise<RunRecord[]> {
  const untilMs = Date.now() + WAITS_MS;
  for (;;) {
    const found = unitsOf(task, await stateOf(board)).filter(({ unit }) => units.has(unit));
    const done = found.filter(({ ordered }) => ordered >= order).flatMap(({ runs }) => runs.slice(0, 1));
    // A unit that is gone is not waited for.
    if (done.length === found.length) return done;
    if (Date.now() > untilMs)
      throw new Error(
        `after ${WAITS_MS / 1000} s, ${done.length} of ${found.length} runs are done; see keyway housekeeping list --units`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY_MS));
  }
}

async function pause(
  board: Board,
  tasks: readonly string[],
  edit: (paused: readonly string[]) => readonly string[],
): Promise<void> {
  const described = await board.tasks();
  for (const task of tasks) known(described, task);
  const paused = await board.pause(edit);
  writeOut(paused.length === 0 ? 'nothing is paused\n' : `paused: ${paused.join(', ')}\n`);
}

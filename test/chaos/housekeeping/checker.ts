import type { Disturbance, Stop } from '../history.ts';
import { processesIn } from '../world.ts';

/** What shards have written down of their housekeeping, in the machine's milliseconds. */
export interface HousekeepingHistory {
  readonly runs: readonly LoggedRunOfShard[];
  readonly writes: readonly LoggedWrite[];
  /** Processes that were not running, or waited for what another one had locked. */
  readonly stops: readonly Stop[];
  /** Faults, each until it was mended. */
  readonly faults: readonly Span[];
  /** The same until all was as before. */
  readonly disturbances: readonly Span[];
  /** Units that every task of theirs has to be carried out for, from so on. */
  readonly due: ReadonlyArray<{ readonly task: string; readonly unit: string; readonly since: number }>;
  readonly end: number;
}

type Span = Pick<Disturbance, 'begin' | 'end'>;

/** One run, as its shard wrote it down. */
export interface LoggedRunOfShard {
  readonly shard: string;
  readonly pid: number;
  readonly task: string;
  readonly unit: string;
  readonly token: number;
  readonly begin: number;
  /** Where nothing was written down: when the process ended. */
  readonly end: number;
  /** All was looked at. */
  readonly done: boolean;
}

/** A write that the store has accepted. */
export interface LoggedWrite {
  readonly pid: number;
  readonly task: string;
  readonly unit: string;
  readonly token: number;
  readonly at: number;
}

/** The times that housekeeping was told to keep. */
export interface Times {
  readonly everyMs: number;
  readonly jitter: number;
  readonly leaseMs: number;
  /** What a busy machine may take for a run, and to begin it. */
  readonly slackMs: number;
}

export interface HousekeepingViolation {
  readonly rule: 'two at once' | 'old token' | 'forgotten' | 'too often';
  readonly what: string;
}

export interface HousekeepingJudgement {
  readonly violations: readonly HousekeepingViolation[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Judges a run of housekeeping under faults. */
export function checkHousekeeping(history: HousekeepingHistory, times: Times): HousekeepingJudgement {
  const violations = [
    ...twoAtOnce(history),
    ...oldTokens(history.writes),
    ...forgotten(history, times),
    ...tooOften(history, times),
  ];
  const holders = Map.groupBy(history.runs, nameOf);
  return {
    violations,
    counts: {
      runs: history.runs.length,
      done: history.runs.filter(({ done }) => done).length,
      writes: history.writes.length,
      unitsAndTasks: history.due.length,
      handedOver: [...holders.values()].filter((runs) => new Set(runs.map(({ shard }) => shard)).size > 1).length,
      tokens: new Set(history.runs.map(({ token }) => token)).size,
      disturbances: history.disturbances.length,
    },
  };
}

const nameOf = ({ task, unit }: { task: string; unit: string }): string => `${task} of ${unit}`;

/**
 * When a run could have an effect first: where its claim was new to the store, when that took it down, which is the first that a run does.
 * Until then it may have waited for the store, and for whom that served by an earlier claim.
 */
function effectiveBegin(run: LoggedRunOfShard, firstWrites: ReadonlyMap<string, number>): number {
  const known = firstWrites.get(claimOf(run)) ?? run.begin;
  return known <= run.end ? Math.max(run.begin, known) : run.begin;
}

const claimOf = ({ unit, token }: { unit: string; token: number }): string => `${unit} ${token}`;

/** By claim, when the store first took it down. */
function firstWritesOf(writes: readonly LoggedWrite[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const write of writes) {
    const claim = claimOf(write);
    first.set(claim, Math.min(write.at, first.get(claim) ?? write.at));
  }
  return first;
}

/** When a run could have an effect at last: of a process that was stopped, and wrote nothing after it, when that began. */
function effectiveEnd(run: LoggedRunOfShard, { stops, writes }: HousekeepingHistory): number {
  let end = run.end;
  for (const stop of stops) {
    if (stop.pid !== run.pid || stop.begin < run.begin || stop.begin > end) continue;
    const wroteAfter = writes.some(
      (write) => write.pid === run.pid && nameOf(write) === nameOf(run) && write.at > stop.end && write.at <= run.end,
    );
    if (!wroteAfter) end = stop.begin;
  }
  return end;
}

/** No two runs of one task for one unit overlap. */
function* twoAtOnce(history: HousekeepingHistory): Generator<HousekeepingViolation> {
  const firstWrites = firstWritesOf(history.writes);
  for (const [name, runs] of Map.groupBy(history.runs, nameOf)) {
    const sorted = runs
      .map((run) => ({ ...run, begin: effectiveBegin(run, firstWrites), end: effectiveEnd(run, history) }))
      .sort((one, other) => one.begin - other.begin);
    let last = sorted[0];
    for (const run of sorted.slice(1)) {
      if (last !== undefined && run.begin < last.end)
        yield {
          rule: 'two at once',
          what: `${name}: ${last.shard} until ${last.end.toFixed(1)}, ${run.shard} from ${run.begin.toFixed(1)}`,
        };
      if (last === undefined || run.end > last.end) last = run;
    }
  }
}

/** Of a unit's writes no later one has a smaller token. */
function* oldTokens(writes: readonly LoggedWrite[]): Generator<HousekeepingViolation> {
  const newest = new Map<string, number>();
  for (const { unit, token, at, task } of [...writes].sort((one, other) => one.at - other.at)) {
    const known = newest.get(unit) ?? 0;
    if (token < known)
      yield { rule: 'old token', what: `${task} of ${unit} wrote with ${token} at ${at.toFixed(1)}, after ${known}` };
    else newest.set(unit, token);
  }
}

/**
 * Each unit's tasks are done within an interval and a lease of the time before, not counting for how long a fault lasts, or a process is kept
 * from running: a machine that has more to do than it can do keeps no time.
 */
function* forgotten(history: HousekeepingHistory, times: Times): Generator<HousekeepingViolation> {
  const { everyMs, leaseMs, slackMs } = times;
  const excused = merged([...history.faults, ...history.stops]);
  const runs = Map.groupBy(
    history.runs.filter(({ done }) => done),
    nameOf,
  );
  for (const due of history.due) {
    const ends = (runs.get(nameOf(due)) ?? []).map(({ end }) => end).filter((end) => end > due.since);
    const moments = [due.since, ...ends.sort((one, other) => one - other), history.end];
    for (let i = 1; i < moments.length; i++) {
      const [from, to] = [moments[i - 1], moments[i]] as [number, number];
      const tookMs = to - from - overlapMs(excused, from, to);
      if (tookMs > everyMs + leaseMs + slackMs)
        yield {
          rule: 'forgotten',
          what: `${nameOf(due)} was not done from ${from.toFixed(0)} to ${to.toFixed(0)}, ${tookMs.toFixed(0)} ms without a fault`,
        };
    }
  }
}

/** The same time, none of it twice. */
function merged(spans: readonly Span[]): Span[] {
  const all: Array<{ begin: number; end: number }> = [];
  for (const { begin, end } of [...spans].sort((one, other) => one.begin - other.begin)) {
    const last = all.at(-1);
    if (last !== undefined && begin <= last.end) last.end = Math.max(last.end, end);
    else all.push({ begin, end });
  }
  return all;
}

function overlapMs(spans: readonly Span[], from: number, to: number): number {
  return spans.reduce((sum, { begin, end }) => sum + Math.max(0, Math.min(to, end) - Math.max(from, begin)), 0);
}

/** What was done is not done again before its time: a change of owner is no reason. */
function* tooOften(
  history: HousekeepingHistory,
  { everyMs, jitter, slackMs }: Times,
): Generator<HousekeepingViolation> {
  for (const [name, runs] of Map.groupBy(
    history.runs.filter(({ done }) => done),
    nameOf,
  )) {
    const sorted = runs.sort((one, other) => one.begin - other.begin);
    for (let i = 1; i < sorted.length; i++) {
      const [before, after] = [sorted[i - 1], sorted[i]] as [LoggedRunOfShard, LoggedRunOfShard];
      // What could not be written down before a fault is done again after it.
      if (overlapMs(history.disturbances, before.begin, after.begin) > 0) continue;
      const tookMs = after.begin - before.begin;
      if (tookMs < everyMs * (1 - jitter) - Math.min(slackMs, everyMs / 10))
        yield {
          rule: 'too often',
          what: `${name}: again after ${tookMs.toFixed(0)} ms, by ${before.shard} and ${after.shard}`,
        };
    }
  }
}

/** A process that serves writes something down every few milliseconds: one that has not for so long was not running, whatever kept it. */
const STALLED_MS = 300;

/** Reads what a shard has written down. Runs whose end is missing ended with their process, at the latest. */
export function parseHousekeeping(
  shard: string,
  text: string,
  deaths: ReadonlyArray<{ readonly pid: number; readonly at: number }>,
  nowMs: number,
): Pick<HousekeepingHistory, 'runs' | 'writes' | 'stops'> {
  const runs: LoggedRunOfShard[] = [];
  const writes: LoggedWrite[] = [];
  const stops: Stop[] = [];
  for (const { pid, entries } of processesIn(text)) {
    const open = new Map<string, LoggedRunOfShard>();
    let lastMs = Number.POSITIVE_INFINITY;
    for (const entry of entries) {
      if (entry.at - lastMs > STALLED_MS) stops.push({ pid, begin: lastMs, end: entry.at });
      lastMs = entry.at;
      if (entry.kind === 'run') {
        const { at, task, unit, token } = entry;
        open.set(nameOf(entry), { shard, pid, task, unit, token, begin: at, end: 0, done: false });
      } else if (entry.kind === 'write') writes.push({ pid, ...entry });
      else if (entry.kind === 'over') {
        const run = open.get(nameOf(entry));
        open.delete(nameOf(entry));
        if (run !== undefined) runs.push({ ...run, end: entry.at, done: entry.done });
      }
    }
    const end = deaths.find((death) => death.pid === pid)?.at ?? nowMs;
    for (const run of open.values()) runs.push({ ...run, end });
  }
  return { runs, writes, stops };
}

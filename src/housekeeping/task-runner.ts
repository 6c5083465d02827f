import type { RunOutcome, RunRecord, TaskState } from './entries.ts';
import type { Holding } from './holding.ts';
import { nextTurn, retryTurn } from './schedule.ts';
import { type Progress, StaleRun, type Task } from './task.ts';

/** What runs are told by, and tell. */
export interface RunnerContext {
  readonly node: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
  /** A run is over. @param lagMs how long after its time it began */
  readonly onRun: (task: Task, holding: Holding, record: RunRecord, lagMs: number) => void;
}

/** Runs of one task for one unit that are told of again. */
const KEPT_RUNS = 5;

/** Ends a run that takes too long. */
class TimeLimit extends Error {}

interface Turn {
  readonly holding: Holding;
  readonly controller: AbortController;
  readonly ordered: number;
}

/** Carries out one task for the units whose turn it is, some at once, in the order in which they came: none is starved by a large one. */
export class TaskRunner {
  readonly task: Task;
  readonly #context: RunnerContext;
  readonly #queue: Turn[] = [];
  #active = 0;

  constructor(task: Task, context: RunnerContext) {
    this.task = task;
    this.#context = context;
  }

  /** Whether it is carried out for the unit, or waits for its turn. */
  isBusyWith(holding: Holding): boolean {
    return holding.running.has(this.task.name);
  }

  /** @param ordered the order that is followed thereby */
  begin(holding: Holding, ordered: number): void {
    const controller = new AbortController();
    holding.running.set(this.task.name, controller);
    this.#queue.push({ holding, controller, ordered });
    this.#goOn();
  }

  #goOn(): void {
    while (this.#active < this.task.settings.concurrency) {
      const turn = this.#queue.shift();
      if (turn === undefined) return;
      this.#active++;
      void this.#carryOut(turn).finally(() => {
        this.#active--;
        this.#goOn();
      });
    }
  }

  async #carryOut({ holding, controller, ordered }: Turn): Promise<void> {
    const { name, settings } = this.task;
    const state = holding.tasks.get(name) as TaskState;
    const { clock, timeOfDayMs, node } = this.#context;
    const beganMs = timeOfDayMs();
    const sinceMs = clock();
    const timer = setTimeout(() => controller.abort(new TimeLimit()), settings.timeLimitMs);
    let progress: Progress = { cursor: state.cursor, candidates: 0, changed: 0 };
    let error: unknown = null;
    // A run that was called off while it waited for its turn was none.
    const isRun = !controller.signal.aborted && holding.term.isLeading;
    if (isRun) {
      try {
        progress = await this.task.run({
          unit: holding.unit,
          token: holding.token,
          cursor: state.cursor,
          candidates: settings.candidates,
          deadlineMs: beganMs + settings.timeLimitMs,
          signal: controller.signal,
          mayGoOn: () => {
            if (clock() - sinceMs >= settings.timeLimitMs) controller.abort(new TimeLimit());
            return !controller.signal.aborted && holding.term.isLeading;
          },
          onProgress: (news) => {
            progress = news;
          },
        });
      } catch (thrown) {
        error = thrown;
      }
    }
    clearTimeout(timer);
    holding.running.delete(name);
    const outcome = outcomeOf(progress, error, controller.signal, holding);
    const record: RunRecord = {
      beganMs,
      tookMs: Math.round(clock() - sinceMs),
      outcome,
      candidates: progress.candidates,
      changed: progress.changed,
      node,
      token: holding.token,
      ...(outcome === 'failed' && { error: error instanceof Error ? error.message : String(error) }),
    };
    if (isRun) holding.set(name, this.#after({ ...state, ordered }, record, progress));
    this.#context.onRun(this.task, holding, record, Math.max(0, beganMs - state.nextMs));
  }

  #after(before: TaskState, record: RunRecord, { cursor }: Progress): TaskState {
    const { schedule } = this.task.settings;
    const { timeOfDayMs, random } = this.#context;
    const nowMs = timeOfDayMs();
    const hasFailed = record.outcome === 'failed' || record.outcome === 'overran';
    const failures = hasFailed ? before.failures + 1 : 0;
    const next = (): number => {
      if (hasFailed) return retryTurn(schedule, failures, nowMs, random);
      // Whoever has the unit next goes on with it at once.
      return record.outcome === 'stopped' || record.outcome === 'stale'
        ? before.nextMs
        : nextTurn(schedule, record.beganMs, nowMs, random);
    };
    return { ...before, nextMs: next(), cursor, failures, runs: [record, ...before.runs].slice(0, KEPT_RUNS) };
  }
}

function outcomeOf(progress: Progress, error: unknown, signal: AbortSignal, { term }: Holding): RunOutcome {
  if (error instanceof StaleRun) return 'stale';
  if (signal.reason instanceof TimeLimit) return 'overran';
  if (signal.aborted || !term.isLeading) return progress.cursor === null && error === null ? 'done' : 'stopped';
  if (error !== null) return 'failed';
  return progress.cursor === null ? 'done' : 'partial';
}

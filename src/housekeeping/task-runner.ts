import type { RunOutcome, RunRecord, TaskState } from './entries.ts';
import type { Holding } from './holding.ts';
import { nextTurn, retryTurn } from './schedule.ts';
import { type Progress, StaleRun, type Task } from './task.ts';

/** What runs need, and how they report. */
export interface RunnerContext {
  readonly node: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
  /** What came of a run. @param lagMs how long after its time it began */
  readonly onRun: (task: Task, holding: Holding, record: RunRecord, lagMs: number) => void;
  /** A task no longer runs for a unit. */
  readonly onOver: (hasFollowedOrder: boolean) => void;
}

/** How many runs of one task for one unit are kept, to be shown. */
const KEPT_RUNS = 5;

/** After which it is tried again, later each time. */
const FAILURES: ReadonlySet<RunOutcome> = new Set(['failed', 'overran', 'stale']);

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
    this.#startNext();
  }

  #startNext(): void {
    while (this.#active < this.task.settings.concurrency) {
      const turn = this.#queue.shift();
      if (turn === undefined) return;
      this.#active++;
      void this.#carryOut(turn).finally(() => {
        this.#active--;
        this.#startNext();
      });
    }
  }

  async #carryOut({ holding, controller, ordered }: Turn): Promise<void> {
    const { name } = this.task;
    const before = holding.tasks.get(name)?.ordered ?? 0;
    // What was called off while it waited for its turn was no run.
    if (!controller.signal.aborted && holding.term.isLeading) {
      const state = holding.tasks.get(name) as TaskState;
      const { record, cursor } = await this.#run(holding, state, controller);
      holding.set(name, this.#after(state, record, cursor, ordered));
      this.#context.onRun(this.task, holding, record, Math.max(0, record.beganMs - state.nextMs));
    }
    holding.running.delete(name);
    this.#context.onOver(ordered > before);
  }

  async #run(
    holding: Holding,
    { cursor }: TaskState,
    controller: AbortController,
  ): Promise<{ readonly record: RunRecord; readonly cursor: string | null }> {
    const { clock, timeOfDayMs, node } = this.#context;
    const { timeLimitMs, candidates } = this.task.settings;
    const { unit, token, term } = holding;
    const [beganMs, sinceMs] = [timeOfDayMs(), clock()];
    const end = (): void => controller.abort(new TimeLimit());
    const timer = setTimeout(end, timeLimitMs);
    let progress: Progress = { cursor, candidates: 0, changed: 0 };
    let error: unknown = null;
    try {
      progress = await this.task.run({
        unit,
        token,
        cursor,
        candidates,
        deadlineMs: beganMs + timeLimitMs,
        signal: controller.signal,
        mayGoOn: () => {
          if (clock() - sinceMs >= timeLimitMs) end();
          return !controller.signal.aborted && term.isLeading;
        },
        onProgress: (news) => {
          progress = news;
        },
      });
    } catch (thrown) {
      error = thrown;
    }
    clearTimeout(timer);
    const outcome = outcomeOf(progress, error, controller.signal, holding);
    const record: RunRecord = {
      beganMs,
      tookMs: Math.round(clock() - sinceMs),
      outcome,
      candidates: progress.candidates,
      changed: progress.changed,
      node,
      token,
      ...((outcome === 'failed' || outcome === 'stale') && {
        error: error instanceof Error ? error.message : String(error),
      }),
    };
    return { record, cursor: progress.cursor };
  }

  #after(before: TaskState, record: RunRecord, cursor: string | null, ordered: number): TaskState {
    const { schedule } = this.task.settings;
    const { timeOfDayMs, random } = this.#context;
    const nowMs = timeOfDayMs();
    const runs = [record, ...before.runs].slice(0, KEPT_RUNS);
    // The next holder of the unit continues with it at once.
    if (record.outcome === 'stopped') return { ...before, cursor, runs };
    const hasFailed = FAILURES.has(record.outcome);
    const failures = hasFailed ? before.failures + 1 : 0;
    const nextMs = hasFailed
      ? retryTurn(schedule, failures, nowMs, random)
      : nextTurn(schedule, record.beganMs, nowMs, random);
    return { nextMs, cursor, failures, ordered, runs };
  }
}

function outcomeOf(progress: Progress, error: unknown, signal: AbortSignal, { term }: Holding): RunOutcome {
  if (error instanceof StaleRun) return 'stale';
  if (signal.reason instanceof TimeLimit) return 'overran';
  if (signal.aborted || !term.isLeading) return progress.cursor === null && error === null ? 'done' : 'stopped';
  if (error !== null) return 'failed';
  return progress.cursor === null ? 'done' : 'partial';
}

import { type PlanOptions, planOf } from './plan.ts';
import type { Planted } from './planted.ts';
import { type Outcome, simulate } from './simulate.ts';

/** What many runs came to. */
export interface Counts {
  runs: number;
  changes: number;
  faults: number;
  serves: number;
  acknowledged: number;
  excused: number;
  events: number;
  lastedMs: number;
}

/** Runs of one seed after the other, until so many changes were made, or something does not hold. */
export interface BatchOptions extends PlanOptions {
  readonly seed: number;
  /** How many changes, */
  readonly changesInAll?: number | undefined;
  /** or how many runs. */
  readonly runs?: number | undefined;
  readonly planted?: Planted | null | undefined;
  readonly onRun?: ((outcome: Outcome, counts: Counts) => void) | undefined;
}

/** @returns also the first run that broke a rule, or null */
export function simulateMany(options: BatchOptions): { readonly counts: Counts; readonly broken: Outcome | null } {
  const { seed, changesInAll = Number.POSITIVE_INFINITY, runs = Number.POSITIVE_INFINITY, planted = null } = options;
  const counts = { runs: 0, changes: 0, faults: 0, serves: 0, acknowledged: 0, excused: 0, events: 0, lastedMs: 0 };
  while (counts.changes < changesInAll && counts.runs < runs) {
    const outcome = simulate(planOf(seed + counts.runs, options), planted);
    counts.runs++;
    for (const name of ['changes', 'faults', 'serves', 'acknowledged', 'excused', 'events', 'lastedMs'] as const)
      counts[name] += outcome[name];
    options.onRun?.(outcome, counts);
    if (outcome.violation !== null) return { counts, broken: outcome };
  }
  return { counts, broken: null };
}

/** Does work where no promise's reaction is under way, as `simulate` has to be called. */
export function outsidePromises<Result>(work: () => Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

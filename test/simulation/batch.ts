import { type PlanOptions, planOf } from './plan.ts';
import type { Planted } from './planted/planted.ts';
import { type Outcome, simulate } from './simulate.ts';

const COUNTED = ['changes', 'faults', 'serves', 'acknowledged', 'excused', 'events', 'lastedMs'] as const;

/** What many runs came to. */
export type Counts = Record<'runs' | (typeof COUNTED)[number], number>;

/** Runs of one seed after the other. */
export interface BatchOptions extends PlanOptions {
  readonly seed: number;
  /** It ends after so many, or once a rule was broken. */
  readonly runs: number;
  readonly planted?: Planted | null | undefined;
}

/** What came of them; also the first run that broke a rule, or null. */
export interface Batch {
  readonly counts: Counts;
  readonly broken: Outcome | null;
}

export function noCounts(): Counts {
  return { runs: 0, changes: 0, faults: 0, serves: 0, acknowledged: 0, excused: 0, events: 0, lastedMs: 0 };
}

export function addCounts(counts: Counts, more: Counts): void {
  counts.runs += more.runs;
  for (const name of COUNTED) counts[name] += more[name];
}

/** To be called as `simulate` has to be. */
export function simulateMany(options: BatchOptions): Batch {
  const { seed, runs, planted = null } = options;
  const counts = noCounts();
  while (counts.runs < runs) {
    const outcome = simulate(planOf(seed + counts.runs, options), planted);
    addCounts(counts, { runs: 1, ...outcome });
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

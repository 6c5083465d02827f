import type { Plan, PlannedFault } from './plan.ts';
import type { Planted } from './planted/planted.ts';
import { faultsOf, type Outcome, simulate } from './simulate.ts';

/** No more runs are made to find a shorter story. */
const MAX_RUNS = 300;

/**
 * Finds a plan with as few faults as possible, and as few changes, by which the same rule is broken: halves of what is left are
 * tried without, then quarters, and so on.
 */
export function shrunk(outcome: Outcome, planted: Planted | null): Outcome {
  let best = outcome;
  let runs = 0;
  const breaksToo = (plan: Plan): boolean => {
    if (runs >= MAX_RUNS) return false;
    runs++;
    const next = simulate(plan, planted);
    if (next.violation?.rule !== outcome.violation?.rule) return false;
    best = next;
    return true;
  };
  fewer(faultsOf(outcome), (faults: readonly PlannedFault[]) => breaksToo({ ...best.plan, faults }));
  fewer(best.plan.changes, (changes) => breaksToo({ ...best.plan, changes }));
  fewer(faultsOf(best), (faults: readonly PlannedFault[]) => breaksToo({ ...best.plan, faults }));
  return best;
}

/** @param isEnough whether what is left does it as well */
function fewer<Item>(items: readonly Item[], isEnough: (left: readonly Item[]) => boolean): void {
  let left = items;
  for (let size = left.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (isEnough(without)) left = without;
      else at += size;
    }
  }
}

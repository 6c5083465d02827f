import type { Outcome, Outcomes } from './outcomes.ts';

/** Longer than any of them takes on a busy machine. */
const STEP_MS = 30_000;

/** A client's steps by their names, one after the other; each rejects where its client does not get what it has to. */
export type Steps = Readonly<Record<string, () => Promise<void>>>;

function withinTime(step: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing has come within ${STEP_MS} ms`)), STEP_MS);
    step()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** What became of the steps. One that fails does not keep the others from being tried. */
export async function take(steps: Steps): Promise<Outcomes> {
  const outcomes = new Map<string, Outcome>();
  for (const [name, step] of Object.entries(steps))
    try {
      await withinTime(step);
      outcomes.set(name, { result: 'passed', message: '' });
    } catch (error) {
      outcomes.set(name, { result: 'failed', message: String((error as Error).message) });
    }
  return outcomes;
}

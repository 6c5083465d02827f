/** A run of a load: when requests are due, what they are about, and the watches beside them. */
export { highestRate, type Rate, type Spread } from './arrivals.ts';
export { type KeyDistribution, KeySpace } from './keys.ts';
export type { LoadPlan, LoadSurroundings, Pattern } from './plan.ts';
export { LoadRun } from './run.ts';

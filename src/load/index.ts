/** The load harness: requests at a rate, whatever becomes of those before, and what came of them. */
export { highestRate, type Rate, type Spread } from './arrivals.ts';
export { type CallDescription, type HeaderTemplate, PreparedCall } from './call.ts';
export { type KeyDistribution, KeySpace } from './keys.ts';
export { type FailCondition, parseFailConditions } from './limits.ts';
export { type LoadReport, loadReport, reportText, secondText, seriesCsv } from './report.ts';
export { type LoadPlan, LoadRun, type Pattern } from './run.ts';
export { seeded } from './seeded.ts';

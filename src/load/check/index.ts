/** Whether what clients saw can have been one shard for each key, at each moment. */
export { type CheckReport, check, type Rule, type RuleReport } from './check.ts';
export { Historian, MAX_OPERATIONS, STILL_OPEN, type WatchStream } from './history.ts';

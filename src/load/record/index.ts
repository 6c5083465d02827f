/** What is counted while a load runs. */
export type { CumulativePoint, Latencies } from './histograms.ts';
export type { Pause } from './pauses.ts';
export { type CallOutcomes, type Outcome, Recorder, type Second } from './recorder.ts';
export { WatchRecorder, type WatchReport } from './watch-recorder.ts';

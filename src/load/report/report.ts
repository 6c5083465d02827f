import type { CheckReport } from '../check/index.ts';
import type {
  CallOutcomes,
  CumulativePoint,
  Latencies,
  Pause,
  Recorder,
  Second,
  WatchReport,
} from '../record/index.ts';

/** Something that happened while the load ran. */
export interface Mark {
  /** After the counting has begun. */
  readonly atMs: number;
  readonly text: string;
}

/** When a run was, by what, and on which machine: what its figures depend on besides the target. */
export interface Origin {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Keyway's version, and Node's. */
  readonly version: string;
  readonly node: string;
  /** For people: processors, memory, system. */
  readonly machine: string;
}

/** What came of a run: plain data, for files and for people. */
export interface LoadReport {
  /** Of this form; it grows when the form changes so that older programs cannot read it. */
  readonly format: 1;
  /** Earlier releases did not say it. */
  readonly origin?: Origin;
  readonly target: string;
  readonly call: string;
  readonly pattern: string;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly perSecond: number;
  readonly latencyMs: Latencies;
  /** Each call for itself. */
  readonly calls: readonly CallOutcomes[];
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers by the shard that gave them; empty where the answers did not say. */
  readonly shards: Readonly<Record<string, number>>;
  /** How much more than its even part the busiest shard had; 1: no more. 0: not known. */
  readonly imbalance: number;
  /** Times in which requests took longer than the threshold. */
  readonly pauses: { readonly thresholdMs: number; readonly all: readonly Pause[] };
  /** Null where there were none. */
  readonly watches: WatchReport | null;
  readonly marks: readonly Mark[];
  /** Null where nothing was checked. */
  readonly check: CheckReport | null;
  readonly cumulative: readonly CumulativePoint[];
  readonly series: readonly Second[];
}

/** The format that this program writes and reads. */
export const REPORT_FORMAT = 1;

/** What a run leaves behind, besides what its recorder has. */
export interface RunResult
  extends Pick<LoadReport, 'origin' | 'target' | 'call' | 'pattern' | 'watches' | 'marks' | 'check'> {
  readonly recorder: Recorder;
  readonly countedMs: number;
  readonly pauseMs: number;
}

export function loadReport({ recorder, countedMs, pauseMs, ...rest }: RunResult): LoadReport {
  const seconds = countedMs / 1000;
  const answered = recorder.shards.reduce((sum, [, each]) => sum + each, 0);
  const [busiest] = recorder.shards;
  return {
    format: REPORT_FORMAT,
    ...rest,
    seconds,
    requests: recorder.requests,
    errors: recorder.errors,
    perSecond: seconds === 0 ? 0 : recorder.requests / seconds,
    latencyMs: recorder.latencies,
    calls: recorder.calls,
    statuses: Object.fromEntries(recorder.statuses),
    shards: Object.fromEntries(recorder.shards),
    imbalance: busiest === undefined ? 0 : (busiest[1] * recorder.shards.length) / answered,
    pauses: { thresholdMs: pauseMs, all: recorder.pauses },
    cumulative: recorder.cumulative,
    series: recorder.seconds,
  };
}

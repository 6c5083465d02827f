import { build, type Histogram } from 'hdr-histogram-js';

/** Three digits are right, from a microsecond to an hour: 95 KB. */
const MOST_US = 3_600_000_000;
const newHistogram = (): Histogram =>
  build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MOST_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    useWebAssembly: false,
  });

/** What became of one request. */
export interface Outcome {
  /** From when it was meant to be sent: a stall is not hidden by the requests that it kept from being sent. Null: it was not. */
  readonly latencyMs: number | null;
  /** `OK` or `200`, or what went wrong, in a few words. */
  readonly status: string;
  readonly isError: boolean;
  /** Who answered; empty where that was not told. */
  readonly shard: string;
}

/** A second of a run. */
export interface Second {
  readonly second: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

/** Counts what becomes of requests, as a whole and by second. */
export class Recorder {
  readonly #all = newHistogram();
  readonly #current = newHistogram();
  readonly #statuses = new Map<string, number>();
  readonly #shards = new Map<string, number>();
  readonly seconds: Second[] = [];
  #secondErrors = 0;
  #secondRequests = 0;
  requests = 0;
  errors = 0;

  record({ latencyMs, status, isError, shard }: Outcome): void {
    this.requests++;
    this.#secondRequests++;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (shard !== '') this.#shards.set(shard, (this.#shards.get(shard) ?? 0) + 1);
    if (isError) {
      this.errors++;
      this.#secondErrors++;
    }
    if (latencyMs === null) return;
    const us = Math.min(MOST_US, Math.max(1, Math.round(latencyMs * 1000)));
    this.#all.recordValue(us);
    this.#current.recordValue(us);
  }

  /** A second is over. */
  endSecond(): Second {
    const { p50, p99, max } = latenciesOf(this.#current);
    const second = {
      second: this.seconds.length + 1,
      requests: this.#secondRequests,
      errors: this.#secondErrors,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
    };
    this.seconds.push(second);
    this.#current.reset();
    this.#secondRequests = 0;
    this.#secondErrors = 0;
    return second;
  }

  get latencies(): Latencies {
    return latenciesOf(this.#all);
  }

  /** How often which, the most frequent first. */
  get statuses(): ReadonlyArray<readonly [string, number]> {
    return mostFirst(this.#statuses);
  }

  get shards(): ReadonlyArray<readonly [string, number]> {
    return mostFirst(this.#shards);
  }
}

function mostFirst(counts: ReadonlyMap<string, number>): ReadonlyArray<readonly [string, number]> {
  return [...counts].sort(([, one], [, other]) => other - one);
}

function latenciesOf(histogram: Histogram): Latencies {
  if (histogram.totalCount === 0) return { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0 };
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue / 1000,
    mean: histogram.mean / 1000,
  };
}

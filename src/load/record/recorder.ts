import type { Histogram } from 'hdr-histogram-js';
import { type CumulativePoint, cumulative, type Latencies, latenciesOf, newHistogram, recordMs } from './histograms.ts';
import { type Pause, Pauses } from './pauses.ts';

/** What became of one request. */
export interface Outcome {
  /** Which of the run's calls. */
  readonly call: number;
  /** The place of its key among all keys. */
  readonly place: number;
  /** When it was meant to be sent, ms after the counting has begun. */
  readonly dueMs: number;
  /** From then: a stall is not hidden by the requests that it kept from being sent. Null: it was not sent. */
  readonly latencyMs: number | null;
  /** `OK` or `200`, or what went wrong, in a few words. */
  readonly status: string;
  readonly isError: boolean;
  /** The shard that answered; empty where the answer did not say. */
  readonly shard: string;
}

/** A second of a run. */
export interface Second {
  readonly second: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Open at its end. */
  readonly watches: number;
  /** Answers by the shard that gave them. */
  readonly shards: Readonly<Record<string, number>>;
}

/** What became of one of the run's calls. */
export interface CallOutcomes {
  readonly name: string;
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: Latencies;
}

class CallCounts {
  readonly name: string;
  readonly histogram = newHistogram();
  requests = 0;
  errors = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** Counts what becomes of requests: as a whole, by second, by call. */
export class Recorder {
  readonly seconds: Second[] = [];
  requests = 0;
  errors = 0;
  readonly #calls: readonly CallCounts[];
  readonly #current: Histogram = newHistogram();
  readonly #statuses = new Map<string, number>();
  readonly #shards = new Map<string, number>();
  readonly #pauses: Pauses;
  #secondShards = new Map<string, number>();
  #secondErrors = 0;
  #secondRequests = 0;

  /** @param pauseMs requests that take longer are a pause */
  constructor(calls: readonly string[], pauseMs: number) {
    this.#calls = calls.map((name) => new CallCounts(name));
    this.#pauses = new Pauses(pauseMs);
  }

  record({ call, place, dueMs, latencyMs, status, isError, shard }: Outcome): void {
    const counts = this.#calls[call] as CallCounts;
    this.requests++;
    counts.requests++;
    this.#secondRequests++;
    count(this.#statuses, status);
    if (shard !== '') {
      count(this.#shards, shard);
      count(this.#secondShards, shard);
    }
    if (isError) {
      this.errors++;
      counts.errors++;
      this.#secondErrors++;
    }
    if (latencyMs === null) return;
    recordMs(counts.histogram, latencyMs);
    recordMs(this.#current, latencyMs);
    this.#pauses.take(dueMs, latencyMs, place);
  }

  /** A second is over. */
  endSecond(watches: number): Second {
    const { p50, p99, p999, max } = latenciesOf(this.#current);
    const second = {
      second: this.seconds.length + 1,
      requests: this.#secondRequests,
      errors: this.#secondErrors,
      p50Ms: p50,
      p99Ms: p99,
      p999Ms: p999,
      maxMs: max,
      watches,
      shards: Object.fromEntries(byName(this.#secondShards)),
    };
    this.seconds.push(second);
    this.#current.reset();
    this.#secondShards = new Map();
    this.#secondRequests = 0;
    this.#secondErrors = 0;
    return second;
  }

  get #all(): Histogram {
    const all = newHistogram();
    for (const { histogram } of this.#calls) all.add(histogram);
    return all;
  }

  get latencies(): Latencies {
    return latenciesOf(this.#all);
  }

  get cumulative(): readonly CumulativePoint[] {
    return cumulative(this.#all);
  }

  get calls(): readonly CallOutcomes[] {
    return this.#calls.map(({ name, requests, errors, histogram }) => ({
      name,
      requests,
      errors,
      latencyMs: latenciesOf(histogram),
    }));
  }

  get pauses(): readonly Pause[] {
    return this.#pauses.all;
  }

  /** How often which, the most frequent first. */
  get statuses(): ReadonlyArray<readonly [string, number]> {
    return largestFirst(this.#statuses);
  }

  get shards(): ReadonlyArray<readonly [string, number]> {
    return largestFirst(this.#shards);
  }
}

export function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

export function largestFirst(counts: ReadonlyMap<string, number>): ReadonlyArray<readonly [string, number]> {
  return [...counts].sort(([, one], [, other]) => other - one);
}

function byName(counts: ReadonlyMap<string, number>): ReadonlyArray<readonly [string, number]> {
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
}

import { type FailureCause, failureCauses } from './failure.ts';

/** Latency is counted in units of 8 us, in buckets that double: the last one begins at 2^22 units, 33 s. */
export const LATENCY_UNIT_US = 8;
export const LATENCY_BUCKETS = 24;

/** How an answered request ended, whatever its protocol: each family says which of its statuses is which. */
export const Outcome = { Ok: 0, ClientError: 1, ServerError: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
export const OUTCOME_NAMES = ['ok', 'client_error', 'server_error'] as const;

/** One kind of status that a family's answers have. Each kind is counted in a metric of its own. */
export interface StatusKind {
  /** `keyway_METRIC_total` counts answers by route, `keyway_shard_METRIC_total` by shard. No other kind has this name. */
  readonly metric: string;
  readonly help: string;
  /** The label of the metric that says which status it was. */
  readonly label: string;
  /** The statuses, each at the number that it is counted under. */
  readonly names: readonly string[];
  /** Statuses that are reported even if they never came. */
  readonly always: readonly string[];
}

/** Requests, answers, bytes and times: of a route, or of a shard. */
export class TrafficCounters {
  requests = 0;
  retries = 0;
  cancelled = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Complete answers, by `Outcome`. */
  readonly outcomes = [0, 0, 0];
  /** Answers by their status: a list for each `StatusKind`, under its metric. The family counts in them itself. */
  readonly statuses: Readonly<Record<string, number[]>>;
  readonly latency = new Array<number>(LATENCY_BUCKETS).fill(0);
  latencySum = 0;

  /** @param kinds the statuses of all families */
  constructor(kinds: readonly StatusKind[] = []) {
    this.statuses = Object.fromEntries(kinds.map(({ metric, names }) => [metric, new Array(names.length).fill(0)]));
  }

  countOutcome(outcome: Outcome): void {
    this.outcomes[outcome] = (this.outcomes[outcome] as number) + 1;
  }

  /**
   * The shard's answer is complete.
   * @param bucket the latency bucket of `units`
   * @param units from the request to the end of its answer, in units of 8 us
   */
  countEnd(outcome: Outcome, bucket: number, units: number): void {
    this.countOutcome(outcome);
    this.latency[bucket] = (this.latency[bucket] as number) + 1;
    this.latencySum += units;
  }
}

/** The bucket of a time in units of 8 us. */
export function latencyBucket(units: number): number {
  const bucket = 32 - Math.clz32(units);
  return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/** What is counted for one shard. */
export class ShardCounters extends TrafficCounters {
  connectFailures = 0;
  /** Requests that failed, by what failed them. */
  readonly failures = Object.fromEntries(failureCauses.map((cause) => [cause, 0])) as Record<FailureCause, number>;
  connections = 0;
  /** Streams open at the moment of asking. */
  streams = 0;
  /** Requests that wait for it to come back. */
  held = 0;
  /** Threads that consider it unhealthy. */
  unhealthy = 0;
  ejections = 0;

  /** Forgets what is not counted but looked at on request. */
  clearStates(): void {
    this.connections = 0;
    this.streams = 0;
    this.held = 0;
    this.unhealthy = 0;
    this.ejections = 0;
  }
}

/** Beyond this many routes or shards the rest is counted together, so that a metric's series are bounded. */
export const MAX_LABELLED = 1000;
export const OTHERS = 'others';

/** What families of protocols count, in their own words. */
export interface CounterNames {
  /** Why requests were answered by the router itself. */
  readonly refusals: readonly string[];
  /** Limits that peers went over. */
  readonly floods: readonly string[];
  readonly statuses: readonly StatusKind[];
}

/** What a router thread counts on its way, in plain fields; made into metrics on request. */
export class RouterCounters {
  downstreamConnections = 0;
  downstreamStreams = 0;
  downstreamAccepted = 0;
  /** Closed at once, for want of a place. */
  downstreamRefused = 0;
  malformed = 0;
  handshakesFailed = 0;
  /** Requests that the router answered itself, by why. */
  readonly refusals: Record<string, number>;
  /** Streams that were ended because their keys have moved, by how. */
  readonly drained: Record<'goaway' | 'end' | 'replay', number> = { goaway: 0, end: 0, replay: 0 };
  /** Streams that have yet to leave. */
  draining = 0;
  /** Requests that had to wait because their keys were being handed over, or the router had no lease. */
  held = 0;
  /** Of these the ones that wait now. */
  holding = 0;
  /** Requests that shards refused because the router was behind. */
  stale = 0;
  /** Peers that went over a limit, by which. */
  readonly floods: Record<string, number>;
  readonly routes: Record<string, TrafficCounters> = {};
  /** By `cluster/shard`. */
  readonly shards: Record<string, ShardCounters> = {};
  readonly #statuses: readonly StatusKind[];

  /** @param names refusals and floods are reported from the beginning, when none has been counted yet */
  constructor({ refusals, floods, statuses }: CounterNames = { refusals: [], floods: [], statuses: [] }) {
    this.#statuses = statuses;
    this.refusals = zeros(refusals);
    this.floods = zeros(floods);
  }

  countRefusal(reason: string): void {
    this.refusals[reason] = (this.refusals[reason] ?? 0) + 1;
  }

  countFlood(limit: string): void {
    this.floods[limit] = (this.floods[limit] ?? 0) + 1;
  }

  /** Requests that no route matched. */
  get unrouted(): TrafficCounters {
    return this.route('');
  }

  route(name: string): TrafficCounters {
    return counted(this.routes, name, () => new TrafficCounters(this.#statuses));
  }

  shard(cluster: string, id: string): ShardCounters {
    return counted(this.shards, `${cluster}/${id}`, () => new ShardCounters(this.#statuses));
  }
}

function zeros(names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, 0]));
}

function counted<Counters>(all: Record<string, Counters>, name: string, make: () => Counters): Counters {
  const known = all[name];
  if (known !== undefined) return known;
  const label = Object.keys(all).length < MAX_LABELLED ? name : OTHERS;
  all[label] ??= make();
  return all[label];
}

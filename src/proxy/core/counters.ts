import { type FailureCause, failureCauses } from './failure.ts';

/** Statuses that are counted one by one: a family's numbers from 0 on. Those known so far end with 16. */
const STATUSES = 17;
/** Latency is counted in units of 8 us, in buckets that double: the last one begins at 2^22 units, 33 s. */
export const LATENCY_UNIT_US = 8;
export const LATENCY_BUCKETS = 24;

/** Requests, answers, bytes and times: of a route, or of a shard. */
export class TrafficCounters {
  requests = 0;
  retries = 0;
  cancelled = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Final responses by their class, of which a family has up to ten. */
  readonly responses = new Array<number>(10).fill(0);
  /** Answers by their status, where the protocol numbers it. */
  readonly statuses = new Array<number>(STATUSES).fill(0);
  readonly latency = new Array<number>(LATENCY_BUCKETS).fill(0);
  latencySum = 0;

  countResponse(itsClass: number): void {
    this.responses[itsClass] = (this.responses[itsClass] ?? 0) + 1;
  }

  countStatus(status: number): void {
    const counted = this.statuses[status];
    if (counted !== undefined) this.statuses[status] = counted + 1;
  }

  /** @param units from the request to the end of its answer, in units of 8 us; @param bucket where they belong */
  observeLatency(bucket: number, units: number): void {
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
export const MOST_LABELLED = 1000;
export const OTHERS = 'others';

/** What the families of protocols call that which they count. */
export interface CounterNames {
  /** Why requests were answered by the router itself. */
  readonly refusals: readonly string[];
  /** Limits that peers went over. */
  readonly floods: readonly string[];
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

  /** @param names that are reported from the beginning, when nothing of theirs has been counted yet */
  constructor({ refusals, floods }: CounterNames = { refusals: [], floods: [] }) {
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
    return counted(this.routes, name, () => new TrafficCounters());
  }

  shard(cluster: string, id: string): ShardCounters {
    return counted(this.shards, `${cluster}/${id}`, () => new ShardCounters());
  }
}

function zeros(names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, 0]));
}

function counted<Counters>(all: Record<string, Counters>, name: string, make: () => Counters): Counters {
  const known = all[name];
  if (known !== undefined) return known;
  const label = Object.keys(all).length < MOST_LABELLED ? name : OTHERS;
  all[label] ??= make();
  return all[label];
}

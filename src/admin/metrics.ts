import { Counter, Gauge, Registry } from 'prom-client';
import { LATENCY_UNIT_US, type RouterCounters, type ShardCounters, type TrafficCounters } from '../router/index.ts';

const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The counters of several threads as those of one router. */
export function sumCounters(threads: readonly RouterCounters[], into: RouterCounters): RouterCounters {
  for (const thread of threads) addNumbers(thread as unknown as Tree, into as unknown as Tree);
  return into;
}

interface Tree {
  [name: string]: number | Tree;
}

function addNumbers(from: Tree, into: Tree): void {
  for (const [name, value] of Object.entries(from)) {
    const sum = into[name];
    if (typeof value === 'number') into[name] = (typeof sum === 'number' ? sum : 0) + value;
    else {
      const empty = (Array.isArray(value) ? [] : {}) as Tree;
      const branch: Tree = typeof sum === 'object' ? sum : empty;
      into[name] = branch;
      addNumbers(value, branch);
    }
  }
}

type Labels = Readonly<Record<string, string>>;

/** Renders a router's counters in Prometheus' text form. */
export async function renderMetrics(counters: RouterCounters): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const single = (kind: typeof Counter | typeof Gauge, name: string, help: string, value: number): void => {
    new kind({ name, help, registers }).inc(value);
  };
  const byReason = (name: string, help: string, label: string, values: Readonly<Record<string, number>>): void => {
    const made = new Counter({ name, help, labelNames: [label], registers });
    for (const [value, count] of Object.entries(values)) made.inc({ [label]: value }, count);
  };
  single(Counter, 'keyway_downstream_connections_total', 'Client connections accepted.', counters.downstreamAccepted);
  single(Gauge, 'keyway_downstream_connections', 'Client connections open.', counters.downstreamConnections);
  single(Gauge, 'keyway_downstream_streams', 'Client streams open.', counters.downstreamStreams);
  single(Counter, 'keyway_malformed_total', 'Messages refused because they are no HTTP/1.1.', counters.malformed);
  single(
    Counter,
    'keyway_handshakes_failed_total',
    'TLS handshakes and PROXY headers that failed.',
    counters.handshakesFailed,
  );
  byReason('keyway_refusals_total', 'Requests that the router answered itself.', 'reason', counters.refusals);
  byReason('keyway_floods_total', 'Peers that went over a limit.', 'limit', counters.floods);
  const routes = Object.entries(counters.routes).map(([route, traffic]) => ({ labels: { route }, traffic }));
  const shards = Object.entries(counters.shards).map(([name, traffic]) => ({ labels: shardLabels(name), traffic }));
  addTraffic(registry, 'keyway', ['route'], routes);
  addTraffic(registry, 'keyway_shard', ['cluster', 'shard'], shards);
  addShardStates(registry, shards);
  return [
    await registry.metrics(),
    latencyText('keyway_request_seconds', 'Time from a request to the end of its response.', routes),
    latencyText('keyway_shard_request_seconds', 'The same, by shard.', shards),
  ].join('');
}

function shardLabels(name: string): { cluster: string; shard: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { cluster: name, shard: name } : { cluster: name.slice(0, slash), shard: name.slice(slash + 1) };
}

interface Labelled<Counters> {
  readonly labels: Labels;
  readonly traffic: Counters;
}

function addTraffic(
  registry: Registry,
  prefix: string,
  labelNames: string[],
  all: ReadonlyArray<Labelled<TrafficCounters>>,
): void {
  const registers = [registry];
  const counter = (name: string, help: string, value: (traffic: TrafficCounters) => number): void => {
    const made = new Counter({ name: `${prefix}_${name}`, help, labelNames, registers });
    for (const { labels, traffic } of all) made.inc(labels, value(traffic));
  };
  counter('requests_total', 'Requests.', ({ requests }) => requests);
  counter('retries_total', 'Requests sent again.', ({ retries }) => retries);
  counter('cancelled_total', 'Requests that the client gave up.', ({ cancelled }) => cancelled);
  counter('request_bytes_total', 'Bytes of request content.', ({ requestBytes }) => requestBytes);
  counter('response_bytes_total', 'Bytes of response content.', ({ responseBytes }) => responseBytes);
  const responses = new Counter({
    name: `${prefix}_responses_total`,
    help: 'Responses by class of HTTP status.',
    labelNames: [...labelNames, 'class'],
    registers,
  });
  const grpc = new Counter({
    name: `${prefix}_grpc_responses_total`,
    help: 'gRPC responses by status.',
    labelNames: [...labelNames, 'status'],
    registers,
  });
  for (const { labels, traffic } of all) {
    for (const digit of [2, 3, 4, 5]) responses.inc({ ...labels, class: `${digit}xx` }, traffic.responses[digit] ?? 0);
    // Statuses that never came are left out: seventeen series a shard would say little.
    GRPC_STATUS_NAMES.forEach((status, code) => {
      const count = traffic.grpcStatuses[code] ?? 0;
      if (count > 0 || code === 0) grpc.inc({ ...labels, status }, count);
    });
  }
}

function addShardStates(registry: Registry, shards: ReadonlyArray<Labelled<ShardCounters>>): void {
  const options = { labelNames: ['cluster', 'shard'], registers: [registry] };
  const gauge = (name: string, help: string, value: (shard: ShardCounters) => number): void => {
    const made = new Gauge({ name: `keyway_shard_${name}`, help, ...options });
    for (const { labels, traffic } of shards) made.set(labels, value(traffic));
  };
  const failures = new Counter({
    name: 'keyway_shard_connect_failures_total',
    help: 'Connections to a shard that could not be made.',
    ...options,
  });
  for (const { labels, traffic } of shards) failures.inc(labels, traffic.connectFailures);
  gauge('connections', 'Connections open to a shard.', ({ connections }) => connections);
  gauge('streams', 'Streams open to a shard.', ({ streams }) => streams);
  gauge('held_requests', 'Requests that wait for a shard to come back.', ({ held }) => held);
  gauge('sick', 'Workers that take a shard for sick and send it nothing.', ({ sick }) => sick);
  gauge(
    'ejections',
    'Ejections for what became of its requests; a good spell takes one back.',
    ({ ejections }) => ejections,
  );
}

/** prom-client's histogram observes one value at a time; ours is counted already, and so is written out here. */
function latencyText(name: string, help: string, all: ReadonlyArray<Labelled<TrafficCounters>>): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const { labels, traffic } of all) {
    const text = Object.entries(labels)
      .map(([label, value]) => `${label}="${value.replaceAll(/[\\"\n]/g, (char) => ESCAPES[char] ?? char)}"`)
      .join(',');
    let total = 0;
    traffic.latency.forEach((count, bucket) => {
      total += count;
      const bound = (2 ** bucket * LATENCY_UNIT_US) / 1e6;
      if (bucket < traffic.latency.length - 1) lines.push(`${name}_bucket{${text},le="${bound}"} ${total}`);
    });
    lines.push(`${name}_bucket{${text},le="+Inf"} ${total}`);
    lines.push(
      `${name}_sum{${text}} ${(traffic.latencySum * LATENCY_UNIT_US) / 1e6}`,
      `${name}_count{${text}} ${total}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

import { Counter, Gauge, Registry } from 'prom-client';
import { LATENCY_UNIT_US, type RouterCounters } from '../router/index.ts';

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
      const branch: Tree = typeof sum === 'object' ? sum : {};
      into[name] = branch;
      addNumbers(value, branch);
    }
  }
}

/** Renders a router's counters in Prometheus' text form. */
export async function renderMetrics(counters: RouterCounters): Promise<string> {
  const registry = new Registry();
  const counter = (name: string, help: string, value: number): void => {
    new Counter({ name, help, registers: [registry] }).inc(value);
  };
  const labelled = (name: string, help: string, label: string, values: Iterable<readonly [string, number]>): void => {
    const made = new Counter({ name, help, labelNames: [label], registers: [registry] });
    for (const [value, count] of values) made.inc({ [label]: value }, count);
  };
  counter('keyway_requests_total', 'Requests received.', counters.requests);
  counter('keyway_retries_total', 'Requests sent again, because the owner had not processed them.', counters.retries);
  counter('keyway_cancelled_total', 'Requests that the client gave up.', counters.cancelled);
  counter('keyway_request_bytes_total', 'Bytes of request content.', counters.requestBytes);
  counter('keyway_response_bytes_total', 'Bytes of response content.', counters.responseBytes);
  counter('keyway_downstream_connections_total', 'Client connections accepted.', counters.downstreamAccepted);
  counter('keyway_handshakes_failed_total', 'TLS handshakes and PROXY headers that failed.', counters.handshakesFailed);
  counter('keyway_malformed_total', 'Messages refused because they are no HTTP/1.1.', counters.malformed);
  labelled(
    'keyway_refusals_total',
    'Requests that the router answered itself.',
    'reason',
    Object.entries(counters.refusals),
  );
  labelled('keyway_floods_total', 'Peers that went over a limit.', 'limit', Object.entries(counters.floods));
  labelled('keyway_responses_total', 'Responses by class of HTTP status.', 'class', responseClasses(counters));
  labelled('keyway_grpc_responses_total', 'gRPC responses by status.', 'status', grpcStatuses(counters));
  new Gauge({ name: 'keyway_downstream_connections', help: 'Client connections open.', registers: [registry] }).set(
    counters.downstreamConnections,
  );
  new Gauge({ name: 'keyway_downstream_streams', help: 'Client streams open.', registers: [registry] }).set(
    counters.downstreamStreams,
  );
  addShards(registry, counters);
  return `${await registry.metrics()}${latencyText(counters)}`;
}

function responseClasses(counters: RouterCounters): Array<readonly [string, number]> {
  return [2, 3, 4, 5].map((digit) => [`${digit}xx`, counters.responses[digit] ?? 0] as const);
}

function grpcStatuses(counters: RouterCounters): Array<readonly [string, number]> {
  return GRPC_STATUS_NAMES.map((name, code) => [name, counters.grpcStatuses[code] ?? 0] as const);
}

function addShards(registry: Registry, counters: RouterCounters): void {
  const labelNames = ['cluster', 'shard'];
  const registers = [registry];
  const requests = new Counter({
    name: 'keyway_shard_requests_total',
    help: 'Requests sent to a shard.',
    labelNames,
    registers,
  });
  const failures = new Counter({
    name: 'keyway_shard_connect_failures_total',
    help: 'Connections to a shard that could not be made.',
    labelNames,
    registers,
  });
  const connections = new Gauge({
    name: 'keyway_shard_connections',
    help: 'Connections open to a shard.',
    labelNames,
    registers,
  });
  const streams = new Gauge({
    name: 'keyway_shard_streams',
    help: 'Streams open to a shard.',
    labelNames,
    registers,
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, labelNames, registers });
  const held = gauge('keyway_shard_held_requests', 'Requests that wait for a shard to come back.');
  const sick = gauge('keyway_shard_sick', 'Workers that take a shard for sick and send it nothing.');
  const ejections = gauge(
    'keyway_shard_ejections',
    'Ejections for what became of its requests; a good spell takes one back.',
  );
  for (const [name, shard] of Object.entries(counters.shards)) {
    const slash = name.indexOf('/');
    const labels = { cluster: name.slice(0, slash), shard: name.slice(slash + 1) };
    requests.inc(labels, shard.requests);
    failures.inc(labels, shard.connectFailures);
    connections.set(labels, shard.connections);
    streams.set(labels, shard.streams);
    held.set(labels, shard.held);
    sick.set(labels, shard.sick);
    ejections.set(labels, shard.ejections);
  }
}

/** prom-client's histogram observes one value at a time; ours is counted already, and so is written out here. */
function latencyText(counters: RouterCounters): string {
  const name = 'keyway_request_seconds';
  const lines = [`# HELP ${name} Time from a request to the end of its response.`, `# TYPE ${name} histogram`];
  let total = 0;
  counters.latency.forEach((count, bucket) => {
    total += count;
    const bound = (2 ** bucket * LATENCY_UNIT_US) / 1e6;
    if (bucket < counters.latency.length - 1) lines.push(`${name}_bucket{le="${bound}"} ${total}`);
  });
  lines.push(`${name}_bucket{le="+Inf"} ${total}`);
  lines.push(`${name}_sum ${(counters.latencySum * LATENCY_UNIT_US) / 1e6}`, `${name}_count ${total}`);
  return `${lines.join('\n')}\n`;
}

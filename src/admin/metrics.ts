import {
  type CountersSnapshot,
  failureCauses,
  OUTCOME_NAMES,
  RouterCounters,
  type ShardSnapshot,
  type StatusKind,
  snapshotOf,
  statusesOfFamilies,
  type TrafficSnapshot,
} from '../proxy/index.ts';
import { type Labelled, MetricsText, type Samples } from './metrics-text.ts';
import type { AdminReloads } from './reloads.ts';

/** What is known of a router's registry. */
export interface AdminRegistry {
  /** Null while it is reached. */
  readonly outage: { readonly reason: string; readonly forMs: number } | null;
  readonly outages: number;
  /** What it has that cannot be read. */
  readonly unreadable: ReadonlyArray<{ readonly key: string; readonly reason: string }>;
  readonly clusters: readonly AdminRegistryCluster[];
}

/** A cluster that comes from the registry, as this router has it. */
export interface AdminRegistryCluster {
  readonly name: string;
  readonly version: number | null;
  readonly from: string;
  /** Whether this router may serve it now. */
  readonly served: boolean;
  /** Null where none is under way. */
  readonly handoff: { readonly to: number; readonly attempt: number; readonly step: string } | null;
  readonly controls: boolean;
  /** Steps of handoffs that this router has begun as their driver. */
  readonly steps: Readonly<Record<string, number>>;
  readonly failovers: number;
}

/** The counters of several threads as those of one router. */
export function sumCounters(threads: readonly CountersSnapshot[]): CountersSnapshot {
  const sum = snapshotOf(new RouterCounters());
  for (const thread of threads) addNumbers(thread, sum);
  return sum;
}

interface Numbers {
  [name: string]: number | number[] | Numbers;
}

function addNumbers(from: Numbers, into: Numbers): void {
  for (const [name, value] of Object.entries(from)) {
    const sum = into[name];
    if (typeof value === 'number') into[name] = value + (typeof sum === 'number' ? sum : 0);
    else if (Array.isArray(value))
      into[name] = Array.isArray(sum) ? value.map((each, i) => each + (sum[i] ?? 0)) : [...value];
    else {
      const branch: Numbers = typeof sum === 'object' && !Array.isArray(sum) ? sum : {};
      into[name] = branch;
      addNumbers(value, branch);
    }
  }
}

/** What each family of protocols counts, in its own words. */
type FamilyStatuses = ReadonlyArray<readonly StatusKind[]>;

/** What threads have carried, without anything of a router's registry or config: for a sidecar. */
export function renderTraffic(threads: readonly CountersSnapshot[]): Promise<string> {
  return renderMetrics(sumCounters(threads), null, null);
}

/** Renders a router's counters in Prometheus' text form. */
export async function renderMetrics(
  counters: CountersSnapshot,
  registry: AdminRegistry | null,
  reloads: AdminReloads | null,
  statuses: FamilyStatuses = statusesOfFamilies,
): Promise<string> {
  const text = new MetricsText();
  const routes = Object.entries(counters.routes).map(([route, traffic]) => ({ labels: { route }, traffic }));
  const shards = Object.entries(counters.shards).map(([name, traffic]) => ({ labels: shardLabels(name), traffic }));
  await addConnections(text, counters);
  await addTraffic(text, 'keyway', routes, statuses);
  await addTraffic(text, 'keyway_shard', shards, statuses);
  await addShardStates(text, shards);
  if (registry !== null) await addRegistry(text, registry);
  if (reloads !== null) await addReloads(text, reloads);
  return text.whole;
}

function shardLabels(name: string): { cluster: string; shard: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { cluster: name, shard: name } : { cluster: name.slice(0, slash), shard: name.slice(slash + 1) };
}

async function addConnections(text: MetricsText, counters: CountersSnapshot): Promise<void> {
  const one = (value: number): Samples => [[{}, value]];
  const by = (label: string, values: Readonly<Record<string, number>>): Samples =>
    Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);
  const { downstreamAccepted, downstreamConnections, downstreamStreams, malformed, handshakesFailed } = counters;
  await text.counter('keyway_downstream_connections_total', 'Client connections accepted.', one(downstreamAccepted));
  await text.counter(
    'keyway_downstream_refused_total',
    'Client connections closed at once because the limit was reached.',
    one(counters.downstreamRefused),
  );
  await text.gauge('keyway_downstream_connections', 'Client connections open.', one(downstreamConnections));
  await text.gauge('keyway_downstream_streams', 'Client streams open.', one(downstreamStreams));
  await text.counter('keyway_malformed_total', 'Messages refused because they are malformed.', one(malformed));
  await text.counter(
    'keyway_handshakes_failed_total',
    'TLS handshakes and PROXY headers that failed.',
    one(handshakesFailed),
  );
  await text.counter(
    'keyway_refusals_total',
    'Requests that the router answered itself.',
    by('reason', counters.refusals),
  );
  await text.counter(
    'keyway_drained_streams_total',
    'Streams ended because their keys have moved.',
    by('how', counters.drained),
  );
  await text.gauge('keyway_draining_streams', 'Streams that have yet to leave.', one(counters.draining));
  await text.counter(
    'keyway_held_requests_total',
    'Requests that waited because their keys were being handed over, or the router had no lease.',
    one(counters.held),
  );
  await text.gauge(
    'keyway_held_requests',
    'Requests that are waiting for keys or for a lease now.',
    one(counters.holding),
  );
  await text.counter(
    'keyway_stale_refusals_total',
    'Requests that a shard refused because this router was behind; they were sent again.',
    one(counters.stale),
  );
  await text.counter('keyway_floods_total', 'Peers that exceeded a limit.', by('limit', counters.floods));
}

async function addRegistry(text: MetricsText, { outage, outages, unreadable, clusters }: AdminRegistry): Promise<void> {
  await text.gauge('keyway_registry_up', 'Whether the registry can be reached.', [[{}, outage === null ? 1 : 0]]);
  await text.counter('keyway_registry_outages_total', 'How often the connection to the registry was lost.', [
    [{}, outages],
  ]);
  const broken = unreadable.length;
  await text.gauge('keyway_registry_unreadable', 'Entries of the registry that this router cannot read.', [
    [{}, broken],
  ]);
  const versions = clusters.map(({ name, version }) => [{ cluster: name }, version ?? 0] as const);
  await text.gauge('keyway_topology_version', 'The version that the router uses; 0: none.', versions);
  const each = (value: (cluster: AdminRegistryCluster) => number): Samples =>
    clusters.map((cluster) => [{ cluster: cluster.name }, value(cluster)]);
  const served = each((cluster) => Number(cluster.served));
  await text.gauge('keyway_serving', 'Whether the router may serve the cluster: a strict one needs a lease.', served);
  const staged = each(({ handoff }) => handoff?.to ?? 0);
  await text.gauge('keyway_handoff_version', 'The version to which keys are being handed over; 0: none.', staged);
  const steps = HANDOFF_STEPS.flatMap((step) =>
    clusters.map((cluster) => [{ cluster: cluster.name, step }, Number(cluster.handoff?.step === step)] as const),
  );
  await text.gauge('keyway_handoff_step', 'The step of the handoff in progress.', steps);
  const controls = each((cluster) => Number(cluster.controls));
  await text.gauge('keyway_handoff_controller', 'Whether this router drives the handoffs of the cluster.', controls);
  const begun = clusters.flatMap((cluster) =>
    Object.entries(cluster.steps).map(([step, count]) => [{ cluster: cluster.name, step }, count] as const),
  );
  await text.counter('keyway_handoff_steps_total', 'Steps of handoffs that this router has begun.', begun);
  const failovers = each((cluster) => cluster.failovers);
  await text.counter('keyway_failovers_total', 'Lost shards that this router has begun to remove.', failovers);
}

async function addReloads(text: MetricsText, { counts, isRefused, needsRestart }: AdminReloads): Promise<void> {
  const results = Object.entries(counts).map(([result, count]) => [{ result }, count] as const);
  await text.counter('keyway_config_reloads_total', 'Reloads of the config, by result.', results);
  await text.gauge('keyway_config_fault', 'Whether the config was refused when it was last read.', [
    [{}, Number(isRefused)],
  ]);
  await text.gauge('keyway_config_restart_needed', 'Fields of the config that need a restart.', [
    [{}, needsRestart.length],
  ]);
}

/** In which a router takes part. */
const HANDOFF_STEPS = ['stage', 'drain', 'hold'];

async function addTraffic(
  text: MetricsText,
  prefix: string,
  all: ReadonlyArray<Labelled<TrafficSnapshot>>,
  statuses: FamilyStatuses,
): Promise<void> {
  const counter = (name: string, help: string, value: (traffic: TrafficSnapshot) => number): Promise<void> =>
    text.counter(
      `${prefix}_${name}`,
      help,
      all.map(({ labels, traffic }) => [labels, value(traffic)]),
    );
  await counter('requests_total', 'Requests.', ({ requests }) => requests);
  await counter('retries_total', 'Requests sent again.', ({ retries }) => retries);
  await counter('cancelled_total', 'Requests that the client cancelled.', ({ cancelled }) => cancelled);
  await counter('request_bytes_total', 'Bytes of request content.', ({ requestBytes }) => requestBytes);
  await counter('response_bytes_total', 'Bytes of response content.', ({ responseBytes }) => responseBytes);
  const outcomes = all.flatMap(({ labels, traffic }) =>
    OUTCOME_NAMES.map((outcome, at) => [{ ...labels, outcome }, traffic.outcomes[at] ?? 0] as const),
  );
  await text.counter(`${prefix}_outcomes_total`, 'Complete answers by outcome, whatever their protocol.', outcomes);
  await addStatuses(text, prefix, all, statuses);
  await text.histogram(`${prefix}_request_seconds`, 'Time from a request to the end of its response.', all);
}

/** Each family's statuses in its own words, for the routes and shards that it has answered for, or no family has yet. */
async function addStatuses(
  text: MetricsText,
  prefix: string,
  all: ReadonlyArray<Labelled<TrafficSnapshot>>,
  statuses: FamilyStatuses,
): Promise<void> {
  for (const kinds of statuses) {
    const others = statuses.filter((each) => each !== kinds);
    const own = all.filter(
      ({ traffic }) => hasCounted(traffic, kinds) || !others.some((each) => hasCounted(traffic, each)),
    );
    for (const { metric, help, label, names, always } of kinds) {
      const samples = own.flatMap(({ labels, traffic }) =>
        names
          .map((name, at) => ({ name, count: traffic.statuses[metric]?.[at] ?? 0 }))
          .filter(({ name, count }) => count > 0 || always.includes(name))
          .map(({ name, count }) => [{ ...labels, [label]: name }, count] as const),
      );
      await text.counter(`${prefix}_${metric}_total`, help, samples);
    }
  }
}

function hasCounted({ statuses }: TrafficSnapshot, kinds: readonly StatusKind[]): boolean {
  return kinds.some(({ metric }) => statuses[metric]?.some((count) => count > 0) === true);
}

async function addShardStates(text: MetricsText, shards: ReadonlyArray<Labelled<ShardSnapshot>>): Promise<void> {
  const samples = (value: (shard: ShardSnapshot) => number): Samples =>
    shards.map(({ labels, traffic }) => [labels, value(traffic)]);
  const failures = samples(({ connectFailures }) => connectFailures);
  await text.counter(
    'keyway_shard_connect_failures_total',
    'Connections to a shard that could not be opened.',
    failures,
  );
  // Causes that never came are left out: ten series a shard would say little.
  const failed = shards.flatMap(({ labels, traffic }) =>
    failureCauses
      .map((cause) => [{ ...labels, cause }, traffic.failures[cause]] as const)
      .filter(([, count]) => count > 0),
  );
  await text.counter('keyway_shard_failures_total', 'Requests without an answer from their shard, by cause.', failed);
  const gauge = (name: string, help: string, value: (shard: ShardSnapshot) => number): Promise<void> =>
    text.gauge(`keyway_shard_${name}`, help, samples(value));
  await gauge('connections', 'Connections open to a shard.', ({ connections }) => connections);
  await gauge('streams', 'Streams open to a shard.', ({ streams }) => streams);
  await gauge('held_requests', 'Requests that wait for a shard to come back.', ({ held }) => held);
  await gauge(
    'unhealthy',
    'Workers that consider a shard unhealthy and send it nothing.',
    ({ unhealthy }) => unhealthy,
  );
  await gauge('ejections', 'Ejections in a row; a good period takes one back.', ({ ejections }) => ejections);
}

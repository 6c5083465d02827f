import type { HttpLimits } from '../http/index.ts';
import { ClientCertificates, type ListenerDescription, ServerCertificates, tlsFault } from '../io/index.ts';
import {
  type DrainDescription,
  type EdgeDescription,
  formatFault,
  type HoldDescription,
  isSecretName,
  type ObserveDescription,
  type RedisEntryDescription,
  type ResumeDescription,
  type RouteDescription,
  type RouteMatch,
  type RouterLimits,
  type ShardKeySource,
  type TextMatch,
  type UpstreamDescription,
} from '../proxy/index.ts';
import type { RegistryDescription } from '../registry/index.ts';
import { type HostPort, isLoopback, splitAddress } from '../runtime/address.ts';
import { NamedFileFault, SHORTEST_TOKEN, secretIn } from '../runtime/named-file.ts';
import { type ClusterDescription, DEFAULT_PLACEMENT, describeCluster, type TopologyName } from '../topology/index.ts';
import { asWritten, didYouMean, type Report } from '../yaml/index.ts';
import { drainOf, holdOf, limitsOf } from './build-limits.ts';
import { buildRedisUsers } from './build-redis-users.ts';
import { buildUpstream, secretOf } from './build-upstream.ts';
import { checkAddresses } from './listen-addresses.ts';
import { type ConfigFile, configJsonSchema } from './schema/index.ts';
import { withoutUndefined } from './without-undefined.ts';

/** A config that has been checked, in the terms of what it configures. */
export interface Config {
  readonly listen: readonly ListenerDescription[];
  readonly admin: HostPort;
  /** What requests to the admin address have to bear; null where any client may ask. */
  readonly adminToken: string | null;
  /** Names by which the admin address is asked on loopback, besides localhost. */
  readonly adminHosts: readonly string[];
  readonly observe: ObserveDescription;
  /** The file's values, defaults filled in. Secrets stand in them. */
  readonly file: ConfigFile;
  /** The same for people to see: without secrets. */
  readonly shown: object;
  /** Whether changes of the file are taken up by themselves. */
  readonly reloadOnChange: boolean;
  readonly workers: number;
  readonly drainMs: number;
  readonly limits: HttpLimits & RouterLimits;
  readonly drain: DrainDescription;
  readonly hold: HoldDescription;
  readonly routes: readonly RouteDescription[];
  readonly edge: EdgeDescription;
  /** What Redis clients find at the addresses that are theirs, by the entries that these name. */
  readonly redis: Readonly<Record<string, RedisEntryDescription>>;
  readonly clusters: readonly ConfiguredCluster[];
  /** Null where no cluster comes from one. */
  readonly registry: ConfiguredRegistry | null;
}

/** A cluster, and where its shards come from. */
export interface ConfiguredCluster {
  readonly name: string;
  readonly upstream: UpstreamDescription;
  readonly source:
    | { readonly kind: 'config'; readonly description: ClusterDescription }
    | { readonly kind: 'registry'; readonly topology: TopologyName }
    /** The servers of a Redis cluster say themselves where its keys are. */
    | { readonly kind: 'servers'; readonly seeds: readonly string[]; readonly refreshMs: number };
}

/** The registry that topologies come from. */
export interface ConfiguredRegistry {
  readonly store: RegistryDescription;
  /** The folder where the last topologies are kept. */
  readonly keepIn: string;
  readonly leaseMs: number;
}

/** Makes of a file's values what they configure, and checks what no schema can. */
export function buildConfig(file: ConfigFile, report: Report): Config {
  const clusters = Object.entries(file.clusters).map(([name, cluster]) => buildCluster(name, cluster, report));
  const routes = file.routes.map((route, i) => {
    checkCluster(file, route.cluster, 'HTTP', ['routes', i, 'cluster'], report);
    return buildRoute(route);
  });
  if (routes.length === 0 && file.listen.some(({ redis }) => redis === undefined))
    report(['routes'], 'there is none, and clients of HTTP connect; give at least one route');
  checkAddresses(file, report);
  return {
    listen: file.listen.map((listener, i) => buildListener(listener, i, report)),
    admin: splitAddress(file.admin.address),
    adminToken: adminTokenOf(file.admin, report),
    adminHosts: file.admin.hosts,
    observe: observeOf(file, report),
    file,
    shown: shownConfig(file),
    reloadOnChange: file.reloadOnChange,
    workers: file.workers,
    drainMs: file.drainTimeout,
    limits: limitsOf(file.limits),
    drain: drainOf(file.drain),
    hold: holdOf(file.hold),
    routes,
    clusters,
    redis: redisEntriesOf(file, report),
    edge: { trustedHops: file.trustedHops, requestIds: file.requestIds },
    registry: registryOf(file, clusters, report),
  };
}

/** Sees to it that there is a cluster of a name, and that its shards speak what its clients do. */
function checkCluster(
  { clusters }: ConfigFile,
  name: string,
  clients: 'HTTP' | 'Redis',
  at: readonly (string | number)[],
  report: Report,
): void {
  const names = Object.keys(clusters);
  const protocol = clusters[name]?.upstream.protocol;
  if (protocol === undefined) {
    const near = didYouMean(name, names) || `; there are ${names.join(', ')}`;
    report(at, `there is no cluster ${name}${names.length === 0 ? '' : near}`);
  } else if ((protocol === 'redis') !== (clients === 'Redis'))
    report(
      at,
      `the shards of ${name} speak ${protocol}, and the clients ${clients}; see upstream.protocol of the cluster`,
    );
}

/** By which the Redis family knows an address. */
function entryNameOf(i: number): string {
  return `listen.${i}`;
}

function redisEntriesOf(file: ConfigFile, report: Report): Config['redis'] {
  const entries = file.listen.flatMap(({ redis }, i) => {
    if (redis === undefined) return [];
    const { cluster, passwordFile, users, mode, reads, slowAfter, metaraft, announce } = redis;
    const at = ['listen', i, 'redis'];
    checkCluster(file, cluster, 'Redis', [...at, 'cluster'], report);
    const password = passwordFile === undefined ? undefined : secretOf(passwordFile, [...at, 'passwordFile'], report);
    checkMode(file, redis, at, report);
    const known = users === undefined ? undefined : buildRedisUsers(users, [...at, 'users'], report);
    return [
      [
        entryNameOf(i),
        { cluster, password, users: known, mode, reads, slowAfterMs: slowAfter, metaraft, announce },
      ] as const,
    ];
  });
  return Object.fromEntries(entries);
}

/** A cluster for clients of Redis Cluster has slots, and so has one with replicas. */
function checkMode(
  { clusters }: ConfigFile,
  { cluster, users, mode, reads, announce }: NonNullable<ConfigFile['listen'][number]['redis']>,
  at: readonly (string | number)[],
  report: Report,
): void {
  const { shards, placement = {} } = clusters[cluster] ?? {};
  if (users !== undefined && mode === 'direct')
    report([...at, 'users'], 'are for the modes hidden and routers: in direct mode clients go past the router');
  const hasReplicas = shards === undefined || 'slots' in placement;
  if (reads !== 'primary' && !hasReplicas)
    report(
      [...at, 'reads'],
      `the keys of ${cluster} are not placed by slots: its shards have no replicas to read from`,
    );
  if (mode === 'hidden') {
    if (announce !== undefined) report([...at, 'announce'], 'is for the modes direct and routers');
    return;
  }
  if (!hasReplicas)
    report([...at, 'mode'], `the keys of ${cluster} are not placed by slots, which clients of Redis Cluster go by`);
}

function registryOf(
  { registry }: ConfigFile,
  clusters: readonly ConfiguredCluster[],
  report: Report,
): ConfiguredRegistry | null {
  const wanting = clusters.find(({ source }) => source.kind === 'registry');
  if (registry === undefined) {
    if (wanting !== undefined)
      report(
        ['clusters', wanting.name, 'fromRegistry'],
        'there is no registry; add one, such as registry: {remote: …}',
      );
    return null;
  }
  const { keepIn, lease, ...stores } = registry;
  // The schema has seen to it that there is exactly one store.
  return { store: withoutUndefined(stores) as RegistryDescription, keepIn, leaseMs: lease };
}

/** Anything that reaches the admin address sees keys and clients, so from outside it needs a token. */
function adminTokenOf({ address, tokenFile }: ConfigFile['admin'], report: Report): string | null {
  const { host } = splitAddress(address);
  if (tokenFile === undefined) {
    if (!isLoopback(host))
      report(['admin', 'address'], `${host} can be reached from outside: give a tokenFile, or listen on 127.0.0.1`);
    return null;
  }
  try {
    return secretIn(tokenFile, SHORTEST_TOKEN);
  } catch (error) {
    if (!(error instanceof NamedFileFault)) throw error;
    report(['admin', 'tokenFile'], error.message);
    return null;
  }
}

function observeOf({ log, accessLog, tracing }: ConfigFile, report: Report): ObserveDescription {
  const fault = accessLog === undefined ? null : formatFault(accessLog.format);
  if (fault !== null) report(['accessLog', 'format'], fault);
  return { logLevel: log.level, accessLog, tracing };
}

const HIDDEN = '…';

/**
 * A config as people may see it, durations and sizes as they are written.
 * Values of headers that a route sets may be secrets for its shards; those that it matches may be its clients', where the
 * header's name says so; and addresses may bear a name and a password.
 */
export function shownConfig(file: ConfigFile): object {
  const hidden = (headers: Readonly<Record<string, string>> | undefined): object | undefined =>
    headers && Object.fromEntries(Object.keys(headers).map((name) => [name, HIDDEN]));
  const rules = (each: ConfigFile['routes'][number]['headers']['request']): object | undefined =>
    each && { ...each, set: hidden(each.set), add: hidden(each.add) };
  const routes = file.routes.map(({ headers, match, ...route }) => ({
    ...route,
    match: { ...match, headers: match.headers && withoutSecretTests(match.headers) },
    headers: { request: rules(headers.request), response: rules(headers.response) },
  }));
  const tracing = file.tracing && { ...file.tracing, otlp: withoutCredentials(file.tracing.otlp) };
  return asWritten({ ...file, tracing, routes }, configJsonSchema()) as object;
}

function withoutSecretTests(headers: Readonly<Record<string, object>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, test]) => [
      name,
      isSecretName(name) ? Object.fromEntries(Object.keys(test).map((way) => [way, HIDDEN])) : test,
    ]),
  );
}

/** A collector's address, in which keys may stand: as a user, or in the query. */
function withoutCredentials(address: string): string {
  const url = new URL(address);
  if (url.username !== '') url.username = HIDDEN;
  if (url.password !== '') url.password = HIDDEN;
  for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, HIDDEN);
  return decodeURI(url.href);
}

function buildRoute(route: ConfigFile['routes'][number]): RouteDescription {
  const { request: requestHeaders, response: responseHeaders } = route.headers;
  const {
    match,
    shardKey,
    missing,
    headers: _headers,
    cors,
    onMove,
    timeout,
    idleStream,
    maxRequestSize,
    ...same
  } = route;
  return {
    ...same,
    timeoutMs: timeout,
    idleStreamMs: idleStream,
    maxRequestBytes: maxRequestSize,
    // Exactly one way to resume, as the schema has seen to.
    onMove: { ...onMove, resume: onMove.resume && (withoutUndefined(onMove.resume) as ResumeDescription) },
    match: matchOf(match),
    shardKey: shardKeyOf(shardKey, missing),
    cors: cors && corsOf(cors),
    requestHeaders,
    responseHeaders,
  };
}

function corsOf({
  allowOrigins,
  maxAge,
  ...same
}: NonNullable<ConfigFile['routes'][number]['cors']>): RouteDescription['cors'] {
  return {
    ...same,
    // As for places of a key, the schema has seen to it that each has exactly one way to match.
    allowOrigins: allowOrigins.map((origin) => withoutUndefined(origin) as TextMatch),
    maxAgeSeconds: maxAge === undefined ? undefined : Math.floor(maxAge / 1000),
  };
}

/** What a key falls back to is the last of its places. */
function shardKeyOf(
  sources: ConfigFile['routes'][number]['shardKey'],
  missing: ConfigFile['routes'][number]['missing'],
): ShardKeySource[] {
  const fallbacks = [...sources.map((source) => source.missing), missing].filter((each) => typeof each === 'object');
  // The schema has seen to it that each has exactly one place, which is what distinguishes the kinds.
  const places = sources.map(
    ({ missing: _missing, ...source }) => withoutUndefined(source) as unknown as ShardKeySource,
  );
  return [...places, ...fallbacks.slice(0, 1)];
}

function buildListener(
  { address, tls, proxyProtocol, redis }: ConfigFile['listen'][number],
  i: number,
  report: Report,
): ListenerDescription {
  const fault = tls === undefined ? null : tlsFault(() => new ServerCertificates(tls));
  if (fault !== null) report(['listen', i, 'tls'], fault.message);
  const only = redis === undefined ? undefined : { family: 'redis', entry: entryNameOf(i) };
  return { ...splitAddress(address), only, tls, proxyProtocol };
}

function matchOf({ prefix, path, regex, hosts, methods, headers }: ConfigFile['routes'][number]['match']): RouteMatch {
  const onPath = path !== undefined ? { exact: path } : regex !== undefined ? { regex } : { prefix: prefix ?? '/' };
  const tests = Object.entries(headers ?? {}).map(([name, test]) => [name, withoutUndefined(test)]);
  return { path: onPath, hosts, methods, headers: Object.fromEntries(tests) as Record<string, TextMatch> };
}

function buildCluster(name: string, cluster: ConfigFile['clusters'][string], report: Report): ConfiguredCluster {
  const { fromRegistry, discover, placement = DEFAULT_PLACEMENT, hashOn = 'address', shards, pins = [] } = cluster;
  const { tls } = cluster.upstream;
  const tlsProblem = tls === undefined ? null : tlsFault(() => new ClientCertificates(tls).options());
  if (tlsProblem !== null) report(['clusters', name, 'upstream', 'tls'], tlsProblem.message);
  const upstream = buildUpstream(name, cluster, report);
  // The schema has seen to it that there is exactly one of the three.
  if (discover !== undefined) {
    if (upstream.protocol !== 'redis')
      report(['clusters', name, 'discover'], `the shards of ${name} speak ${upstream.protocol}; see upstream.protocol`);
    return { name, upstream, source: { kind: 'servers', seeds: discover.redis, refreshMs: discover.refresh } };
  }
  if (shards === undefined) {
    const { namespace = 'default', cluster: there = name } = fromRegistry ?? {};
    return { name, upstream, source: { kind: 'registry', topology: { namespace, cluster: there } } };
  }
  const description = describeCluster(name, { placement, hashOn, shards, pins }, (path, message) =>
    report(['clusters', name, ...path], message),
  );
  return { name, upstream, source: { kind: 'config', description } };
}

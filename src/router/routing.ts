import { type Field, type HeaderBlock, type HeaderName, headerName, type MessageHead } from '../http2/index.ts';
import { Cluster, type ClusterDescription } from '../topology/index.ts';
import { type CorsDescription, CorsPolicy } from './edge/cors.ts';
import { defaultEdge, type EdgeDescription } from './edge/forwarded.ts';
import { RateLimit, type RateLimitDescription } from './edge/rate-limit.ts';
import { type HeaderRules, type HeaderRulesDescription, headerRules } from './header-rules.ts';
import type { RouterCounters, TrafficCounters } from './observe/counters.ts';
import { defaultRetries, type RetryDescription } from './retries.ts';
import { type Condition, conditionOf, pathMatcher, type RouteMatch } from './route-match.ts';
import { pathOf, ShardKeyRule, type ShardKeySource } from './shard-key.ts';
import { ejectOutliers, type PassiveHealthDescription } from './upstream/owner-health.ts';
import type { Upstream, UpstreamDescription } from './upstream/upstream.ts';

/** One rule: requests that match go to this cluster. The first that matches counts. */
export interface RouteDescription {
  /** For metrics and logs; what it matches where it has none. */
  readonly name?: string | undefined;
  readonly match: RouteMatch;
  readonly cluster: string;
  /** The first that has a key counts; without one the request is refused. */
  readonly shardKey: readonly ShardKeySource[];
  /** For a request, from its beginning to the end of its answer; its own grpc-timeout may be shorter. */
  readonly timeoutMs?: number | undefined;
  /** For a stream on which nothing moves, either way. */
  readonly idleStreamMs?: number | undefined;
  /** Bytes of a request's content. */
  readonly maxRequestBytes?: number | undefined;
  readonly retries?: RetryDescription | undefined;
  readonly rateLimit?: RateLimitDescription | undefined;
  readonly cors?: CorsDescription | undefined;
  /** gRPC-Web goes to shards as it is, or as gRPC. */
  readonly grpcWeb?: 'pass' | 'translate' | undefined;
  readonly requestHeaders?: HeaderRulesDescription | undefined;
  readonly responseHeaders?: HeaderRulesDescription | undefined;
}

/** A cluster's topology, and how its shards are spoken to. */
export interface RoutedCluster extends ClusterDescription {
  readonly upstream?: UpstreamDescription | undefined;
}

/** All that decides where requests go, at one version. Plain data, so that it can be handed to worker threads. */
export interface RoutingDescription {
  readonly routes: readonly RouteDescription[];
  readonly clusters: readonly RoutedCluster[];
  readonly edge?: EdgeDescription | undefined;
}

/** A route, with its cluster's owners at hand. */
export interface Route {
  readonly name: string;
  readonly counters: TrafficCounters;
  readonly matchesPath: (path: string) => boolean;
  /** What else decides; null where the path alone does. */
  readonly condition: Condition | null;
  readonly owners: ClusterOwners;
  readonly key: RouteKey;
  /** Infinite where there is none. */
  readonly timeoutMs: number;
  readonly idleStreamMs: number;
  readonly maxRequestBytes: number;
  readonly retries: RetryDescription;
  readonly rateLimit: RateLimit | null;
  readonly cors: CorsPolicy | null;
  readonly translatesGrpcWeb: boolean;
  readonly requestHeaders: HeaderRules | null;
  readonly responseHeaders: HeaderRules | null;
}

/** Where a route's keys come from: the two plain ways, which cost a request next to nothing, or a rule. */
export type RouteKey =
  | { readonly kind: 'header'; readonly header: HeaderName }
  | { readonly kind: 'fixed'; readonly text: string; readonly owner: Upstream | null }
  | { readonly kind: 'rule'; readonly rule: ShardKeyRule };

/** The shards of a cluster as this thread reaches them. */
export class ClusterOwners {
  readonly cluster: Cluster;
  readonly #upstreams: readonly Upstream[];
  #scratch = new Uint8Array(256);

  constructor(cluster: Cluster, upstreams: readonly Upstream[]) {
    this.cluster = cluster;
    this.#upstreams = upstreams;
  }

  /** The owner of the key that a header field holds, noted on the field: a key that comes again costs one comparison. */
  ownerOf(key: Field): Upstream | null {
    if (key.memoScope === this) return key.memo as Upstream | null;
    if (key.valueLength > this.#scratch.length) this.#scratch = new Uint8Array(key.valueLength);
    const length = key.copyValue(this.#scratch);
    const owner = this.#ownerOfBytes(this.#scratch, length);
    key.memo = owner;
    key.memoScope = this;
    return owner;
  }

  /** @param key latin1 text, a character for a byte */
  ownerOfText(key: string): Upstream | null {
    const bytes = Buffer.from(key, 'latin1');
    return this.#ownerOfBytes(bytes, bytes.length);
  }

  #ownerOfBytes(bytes: Uint8Array, length: number): Upstream | null {
    const index = this.cluster.locate(bytes, 0, length);
    return index < 0 ? null : (this.#upstreams[index] ?? null);
  }
}

/** The routes and owners of one version: built off the request's way, swapped in by one assignment, never changed. */
export class RoutingSnapshot {
  readonly #routes: readonly Route[];
  readonly #outliers: ReadonlyArray<(nowMs: number) => void>;
  readonly upstreams: readonly Upstream[];
  readonly edge: EdgeDescription;

  constructor(
    description: RoutingDescription,
    counters: RouterCounters,
    upstreamOf: (cluster: RoutedCluster, id: string, address: string) => Upstream,
  ) {
    const owners = new Map<string, ClusterOwners>();
    const upstreams: Upstream[] = [];
    const outliers: Array<(nowMs: number) => void> = [];
    for (const each of description.clusters) {
      const cluster = new Cluster(each);
      const reached = cluster.shards.map((shard) => upstreamOf(each, shard.id, shard.address));
      upstreams.push(...reached);
      outliers.push(outlierWatch(each.upstream?.passiveHealth, reached));
      owners.set(each.name, new ClusterOwners(cluster, reached));
    }
    this.upstreams = upstreams;
    this.#outliers = outliers;
    this.edge = description.edge ?? defaultEdge;
    this.#routes = description.routes.map((route) => routeOf(route, owners, counters));
  }

  /** Ejects shards that succeed far less often than the others of their cluster; to be called every second or so. */
  watchOutliers(nowMs: number): void {
    for (const watch of this.#outliers) watch(nowMs);
  }

  /** The first route that matches. Those that the path allows are noted on its field. */
  routeOf(path: Field, head: MessageHead, block: HeaderBlock): Route | null {
    const candidates = path.memoScope === this ? (path.memo as readonly Route[]) : this.#candidatesFor(path, head);
    for (let i = 0; i < candidates.length; i++) {
      const route = candidates[i] as Route;
      if (route.condition === null || route.condition(head, block)) return route;
    }
    return null;
  }

  #candidatesFor(field: Field, head: MessageHead): readonly Route[] {
    const { path } = pathOf(head);
    const candidates = this.#routes.filter((route) => route.matchesPath(path));
    field.memo = candidates;
    field.memoScope = this;
    return candidates;
  }
}

function outlierWatch(
  passive: PassiveHealthDescription | undefined,
  upstreams: readonly Upstream[],
): (nowMs: number) => void {
  if (passive?.successRate === undefined) return () => {};
  const { intervalMs } = passive.successRate;
  const healths = upstreams.flatMap(({ health }) => (health === null ? [] : [health]));
  let nextMs = 0;
  return (nowMs) => {
    if (nowMs < nextMs) return;
    nextMs = nowMs + intervalMs;
    ejectOutliers(healths, passive, nowMs);
  };
}

function routeOf(
  description: RouteDescription,
  owners: ReadonlyMap<string, ClusterOwners>,
  counters: RouterCounters,
): Route {
  const found = owners.get(description.cluster);
  if (found === undefined) throw new Error(`a route names the cluster ${description.cluster}, which does not exist`);
  const { match, shardKey, cors, rateLimit } = description;
  const name = description.name ?? Object.values(match.path).join('');
  return {
    name,
    counters: counters.route(name),
    matchesPath: pathMatcher(match),
    condition: conditionOf(match),
    owners: found,
    key: keyOf(shardKey, found),
    timeoutMs: description.timeoutMs ?? Number.POSITIVE_INFINITY,
    idleStreamMs: description.idleStreamMs ?? Number.POSITIVE_INFINITY,
    maxRequestBytes: description.maxRequestBytes ?? Number.POSITIVE_INFINITY,
    retries: description.retries ?? defaultRetries,
    rateLimit: rateLimit === undefined ? null : new RateLimit(rateLimit),
    translatesGrpcWeb: description.grpcWeb === 'translate',
    cors: cors === undefined ? null : new CorsPolicy(cors),
    requestHeaders: headerRules(description.requestHeaders),
    responseHeaders: headerRules(description.responseHeaders),
  };
}

function keyOf(sources: readonly ShardKeySource[], owners: ClusterOwners): RouteKey {
  const [only, another] = sources;
  if (only !== undefined && another === undefined) {
    if ('header' in only && only.pattern === undefined)
      return { kind: 'header', header: headerName(only.header.toLowerCase()) };
    if ('value' in only) {
      const text = Buffer.from(only.value, 'utf8').toString('latin1');
      return { kind: 'fixed', text, owner: owners.ownerOfText(text) };
    }
  }
  return { kind: 'rule', rule: new ShardKeyRule(sources) };
}

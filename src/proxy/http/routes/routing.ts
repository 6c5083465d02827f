import { isDeepStrictEqual } from 'node:util';
import { type Field, type HeaderBlock, type HeaderName, headerName, type MessageHead } from '../../../http/index.ts';
import type { RouterCounters, TrafficCounters } from '../../core/counters.ts';
import type { ClusterOwners } from '../../core/owner/cluster-owners.ts';
import { defaultRetries, type RetryDescription } from '../../core/retries.ts';
import { type CorsDescription, CorsPolicy } from '../edge/cors.ts';
import { defaultEdge, type EdgeDescription } from '../edge/forwarded.ts';
import { RateLimit, type RateLimitDescription } from '../edge/rate-limit.ts';
import { SHARD_KEY } from '../edge/routers-word.ts';
import { isSecretSource } from '../observe/secret-keys.ts';
import type { HttpOwners, HttpUpstream } from '../pools/http-pool.ts';
import { speakHttp } from '../pools/protocols.ts';
import { type HeaderRules, type HeaderRulesDescription, headerRules } from './header-rules.ts';
import { defaultMove, type MoveDescription } from './move.ts';
import { type Condition, conditionOf, pathMatcher, type RouteMatch } from './route-match.ts';
import { pathOf, ShardKeyRule, type ShardKeySource, splitTarget } from './shard-key.ts';
import { tokenFieldOf, versionFieldOf } from './version-field.ts';

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
  /** Paths of calls that stay open, `*` for anything: they end when their keys move. */
  readonly watch?: readonly string[] | undefined;
  readonly onMove?: MoveDescription | undefined;
  /** gRPC-Web goes to shards as it is, or as gRPC. */
  readonly grpcWeb?: 'pass' | 'translate' | undefined;
  readonly requestHeaders?: HeaderRulesDescription | undefined;
  readonly responseHeaders?: HeaderRulesDescription | undefined;
}

/** Where requests go, and what is done to them at the edge. Plain data. */
export interface RoutingDescription {
  /** The first that matches counts. */
  readonly routes: readonly RouteDescription[];
  readonly edge?: EdgeDescription | undefined;
}

/** A route, with its cluster's owners at hand. */
export interface Route {
  readonly description: RouteDescription;
  readonly name: string;
  readonly counters: TrafficCounters;
  readonly matchesPath: (path: string) => boolean;
  /** What else decides; null where the path alone does. */
  readonly condition: Condition | null;
  readonly owners: HttpOwners;
  /** For requests to these owners; null where they have no version. */
  readonly versionField: Field | null;
  /** The same for what writes show to a shard's store; null where nothing does. */
  readonly tokenField: (() => Field) | null;
  readonly key: RouteKey;
  /** Whether its shards are told the key: they do not find it in `x-shard-key`. */
  readonly namesKey: boolean;
  /** Whether its keys may be secrets, such as cookies: then they are neither logged nor shown. */
  readonly hidesKeys: boolean;
  /** Infinite where there is none. */
  readonly timeoutMs: number;
  readonly idleStreamMs: number;
  readonly maxRequestBytes: number;
  readonly retries: RetryDescription;
  readonly rateLimit: RateLimit | null;
  readonly cors: CorsPolicy | null;
  readonly isWatch: (target: string) => boolean;
  readonly onMove: MoveDescription;
  readonly translatesGrpcWeb: boolean;
  readonly requestHeaders: HeaderRules | null;
  readonly responseHeaders: HeaderRules | null;
}

/** Where a route's keys come from: the two plain ways, which cost a request next to nothing, or a rule. */
export type RouteKey =
  | { readonly kind: 'header'; readonly header: HeaderName }
  | { readonly kind: 'fixed'; readonly text: string; readonly owner: HttpUpstream | null }
  | { readonly kind: 'rule'; readonly rule: ShardKeyRule };

/** Finds the owners of a cluster; undefined if there is no such cluster. */
export type OwnersIn = (cluster: string) => ClusterOwners | undefined;

/** The routes and owners at one moment: built off the request's way, swapped in by one assignment, never changed. */
export class RoutingSnapshot {
  readonly #routes: readonly Route[];
  readonly edge: EdgeDescription;

  private constructor(routes: readonly Route[], edge: EdgeDescription) {
    this.#routes = routes;
    this.edge = edge;
  }

  /** Without a route. */
  static readonly empty = new RoutingSnapshot([], defaultEdge);

  /**
   * What another config makes of it. Rates of routes that match and count as before go on.
   * @throws Error where a route leads nowhere
   */
  by(
    { routes, edge = defaultEdge }: RoutingDescription,
    counters: RouterCounters,
    ownersIn: OwnersIn,
  ): RoutingSnapshot {
    const made = routes.map((route) => routeOf(route, ownersIn, counters, this.#ratesOf(route)));
    // The same object where it is the same, so that connections see at once that nothing has changed.
    return new RoutingSnapshot(made, isDeepStrictEqual(edge, this.edge) ? this.edge : edge);
  }

  #ratesOf({ name, match, rateLimit }: RouteDescription): RateLimit | null {
    if (rateLimit === undefined) return null;
    const wanted = [name, match, rateLimit];
    const same = this.#routes.find(({ description }) =>
      isDeepStrictEqual([description.name, description.match, description.rateLimit], wanted),
    );
    return same?.rateLimit ?? new RateLimit(rateLimit);
  }

  /** The same routes with other owners of one cluster. What routes know, such as rates, goes on. */
  withOwners(changed: ClusterOwners): RoutingSnapshot {
    const routes = this.#routes.map((route) => {
      if (route.owners.name !== changed.name || !speakHttp(changed)) return route;
      const { key } = route;
      return {
        ...route,
        owners: changed,
        versionField: versionFieldOf(changed),
        tokenField: tokenFieldOf(changed),
        key: key.kind === 'fixed' ? fixedKey(key.text, changed) : key,
      };
    });
    return new RoutingSnapshot(routes, this.edge);
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

function routeOf(
  description: RouteDescription,
  ownersIn: OwnersIn,
  counters: RouterCounters,
  rateLimit: RateLimit | null,
): Route {
  const found = ownersIn(description.cluster);
  if (found === undefined) throw new Error(`a route names the cluster ${description.cluster}, which does not exist`);
  if (!speakHttp(found))
    throw new Error(`a route of HTTP leads to the cluster ${found.name}, whose shards speak ${found.protocol}`);
  const { match, shardKey, cors } = description;
  const name = description.name ?? Object.values(match.path).join('');
  const key = keyOf(shardKey, found);
  return {
    description,
    name,
    counters: counters.route(name),
    matchesPath: pathMatcher(match),
    condition: conditionOf(match),
    owners: found,
    versionField: versionFieldOf(found),
    tokenField: tokenFieldOf(found),
    key,
    namesKey: found.gate?.heedsShards === true && !(key.kind === 'header' && key.header === SHARD_KEY),
    hidesKeys: shardKey.some(isSecretSource),
    timeoutMs: description.timeoutMs ?? Number.POSITIVE_INFINITY,
    idleStreamMs: description.idleStreamMs ?? Number.POSITIVE_INFINITY,
    maxRequestBytes: description.maxRequestBytes ?? Number.POSITIVE_INFINITY,
    retries: description.retries ?? defaultRetries,
    rateLimit,
    isWatch: globMatcher(description.watch ?? []),
    onMove: description.onMove ?? defaultMove,
    translatesGrpcWeb: description.grpcWeb === 'translate',
    cors: cors === undefined ? null : new CorsPolicy(cors),
    requestHeaders: headerRules(description.requestHeaders),
    responseHeaders: headerRules(description.responseHeaders),
  };
}

function keyOf(sources: readonly ShardKeySource[], owners: HttpOwners): RouteKey {
  const [only, another] = sources;
  if (only !== undefined && another === undefined) {
    if ('header' in only && only.pattern === undefined)
      return { kind: 'header', header: headerName(only.header.toLowerCase()) };
    if ('value' in only) return fixedKey(Buffer.from(only.value, 'utf8').toString('latin1'), owners);
  }
  return { kind: 'rule', rule: new ShardKeyRule(sources) };
}

/** A key that is the same for all requests: its owner is looked up once. @param text latin1 */
function fixedKey(text: string, owners: HttpOwners): RouteKey {
  return { kind: 'fixed', text, owner: owners.ownerOfText(text) };
}

/** Whether a target's path, in its one spelling, is one of several, in which `*` stands for anything. */
export function globMatcher(globs: readonly string[]): (target: string) => boolean {
  if (globs.length === 0) return () => false;
  const escaped = globs.map((glob) => glob.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'));
  const pattern = new RegExp(`^(?:${escaped.join('|')})$`, 's');
  return (target) => pattern.test(splitTarget(target).path);
}

import { route as routeSchema } from '../../schema/route.ts';
import { identifier } from '../../schema/values.ts';
import { byDomain, reportOpenDomains } from '../domains.ts';
import type { Difference, Fields } from '../fields.ts';
import { given, givenDuration } from '../given.ts';
import { headersInConfig, type ImportedHeaders, joinHeaders } from '../header-rules.ts';
import type { ImportedMatch } from '../match.ts';
import { type ImportedKey, keyBehindRules } from '../request-key.ts';
import { withoutFaults } from '../without-faults.ts';
import type { Clusters, ImportedCluster } from './clusters.ts';
import { readCors } from './cors-policy.ts';
import { readHashPolicies } from './hash-policy.ts';
import { readHeaderMutations } from './header-mutations.ts';
import { type ImportedManager, timeOr } from './manager.ts';
import { readMatch } from './match.ts';
import { readRetries } from './retries.ts';

/** Without these of its parts a route would take other requests, or give them other keys. */
const NEEDED = ['match', 'cluster', 'shardKey'];
/** Envoy's `timeout` of a route where none is given. */
const TIMEOUT_MS = 15_000;

interface EnvoyRoute {
  readonly place: string;
  readonly match: ImportedMatch;
  readonly hosts: readonly string[];
  readonly cluster: ImportedCluster;
  readonly headers: ImportedHeaders;
  readonly key: ImportedKey | null;
  readonly rest: object;
}

/** What virtual hosts hand down to their routes. */
interface Handed {
  readonly hosts: readonly string[];
  readonly headers: ImportedHeaders;
  readonly retries: object | undefined;
  readonly cors: object | undefined;
  readonly manager: ImportedManager;
}

/** Makes our routes, in an order in which the first that matches is the one that Envoy takes. */
export function buildRoutes(manager: ImportedManager, clusters: Clusters, differences: Difference[]): object[] {
  const config = manager.routes();
  if (config === null) return [];
  config.take('name');
  const isSpecificLast = config.flag('most_specific_header_mutations_wins');
  const join = (specific: ImportedHeaders, wide: ImportedHeaders): ImportedHeaders =>
    isSpecificLast ? joinHeaders(wide, specific) : joinHeaders(specific, wide);
  const ofAll = readHeaderMutations(config);
  const found = config.list('virtual_hosts').flatMap((host) => {
    host.take('name');
    const handed: Handed = {
      hosts: readDomains(host),
      headers: join(readHeaderMutations(host), ofAll),
      retries: readRetries(host),
      cors: corsOf(host),
      manager,
    };
    return host.list('routes').flatMap((route) => readRoute(route, handed, clusters, join));
  });
  const sorted = byDomain(found);
  reportOpenDomains(sorted, differences);
  return sorted.flatMap(
    (each) => withoutFaults(routeSchema, ourRoute(each, differences), each.place, NEEDED, differences) ?? [],
  );
}

/** Hosts as we have them: without ports, and with wildcards for whole labels in front. */
function readDomains(host: Fields): string[] {
  const given = host.texts('domains');
  const domains = given.flatMap((domain) => {
    const name = domain.replace(/:\d+$/, '');
    if (!given.includes(name)) host.change('domains', `${domain}: Keyway matches hosts without their port`);
    if (name === '*' || /^(\*\.)?[^*]+$/.test(name)) return [name];
    host.leaveOut('domains', `${domain}: a wildcard stands for whole labels in front, as in *.example.com`);
    return [];
  });
  return [...new Set(domains)];
}

const CORS_FILTER = 'envoy.filters.http.cors';

function corsOf(fields: Fields): object | undefined {
  const filters = fields.mapping('typed_per_filter_config');
  if (filters.has(CORS_FILTER)) return readCors(filters.mapping(CORS_FILTER));
  return fields.has('cors') ? readCors(fields.mapping('cors')) : undefined;
}

/** What a route does in place of going to a cluster. */
const INSTEAD = ['redirect', 'direct_response', 'filter_action', 'non_forwarding_action'];

function readRoute(
  route: Fields,
  handed: Handed,
  clusters: Clusters,
  join: (specific: ImportedHeaders, wide: ImportedHeaders) => ImportedHeaders,
): EnvoyRoute[] {
  const match = readMatch(route.mapping('match'));
  const name = route.text('name');
  const instead = INSTEAD.find((each) => route.has(each));
  if (match === null || handed.hosts.length === 0 || instead !== undefined) {
    const reason = `${instead ?? 'its condition'} is not supported: its requests go to the next matching route`;
    route.leaveOut('', handed.hosts.length === 0 ? 'its virtual host has no domain that clients could use' : reason);
    return [];
  }
  const action = route.mapping('route');
  const cluster = readCluster(action, clusters);
  if (cluster === null) {
    route.leaveOut('', 'it leads to no cluster that could be carried over: its requests go to the next matching route');
    return [];
  }
  const { manager } = handed;
  return [
    {
      place: route.place,
      match,
      hosts: handed.hosts,
      cluster,
      headers: join(readHeaderMutations(route), handed.headers),
      key: keyOf(action, cluster),
      rest: {
        ...(identifier.safeParse(name).success && { name }),
        ...givenDuration('timeout', timeOr(action, 'timeout', TIMEOUT_MS)),
        ...givenDuration('idleStream', timeOr(action, 'idle_timeout', manager.idleStreamMs)),
        ...given('retries', readRetries(action) ?? handed.retries),
        ...given('cors', corsOf(route) ?? corsOf(action) ?? handed.cors),
        ...(manager.translatesGrpcWeb && { grpcWeb: 'translate' }),
      },
    },
  ];
}

/** The cluster of a route; of several the one with the most weight. */
function readCluster(action: Fields, clusters: Clusters): ImportedCluster | null {
  const name = action.text('cluster');
  if (name !== undefined) return clusters.of(name, action);
  const weighted = action.mapping('weighted_clusters');
  const all = weighted.list('clusters').map((each) => ({ each, weight: each.number('weight') ?? 0 }));
  const most = Math.max(...all.map(({ weight }) => weight));
  const chosen = all.find(({ weight }) => weight === most)?.each;
  for (const { each } of all)
    if (each !== chosen)
      each.leaveOut(
        '',
        'a key has one owner: traffic is not split, and all of it goes to the cluster with the largest weight',
      );
  const chosenName = chosen?.text('name');
  return chosen === undefined || chosenName === undefined ? null : clusters.of(chosenName, chosen);
}

/** Envoy takes any endpoint for a request without a hash; here it is refused. Of one endpoint there is nothing to choose. */
function keyOf(action: Fields, cluster: ImportedCluster): ImportedKey | null {
  const key = readHashPolicies(action);
  if (key !== null) return key;
  if (cluster.isOne) return { shardKey: { value: cluster.name }, header: undefined };
  action.change(
    'hash_policy',
    'none is carried over: requests need a key, by default in x-shard-key; Envoy would take any endpoint',
  );
  return null;
}

function ourRoute({ place, match, hosts, cluster, headers, key, rest }: EnvoyRoute, differences: Difference[]): object {
  return {
    match: { ...match, ...(!hosts.includes('*') && { hosts: [...hosts] }) },
    cluster: cluster.name,
    ...given('shardKey', keyBehindRules({ place, headers }, key, differences)),
    ...rest,
    ...given('headers', headersInConfig(headers)),
  };
}

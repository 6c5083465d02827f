import { route as routeSchema } from '../schema/route.ts';
import type { Clusters, ImportedCluster } from './clusters.ts';
import type { HashPolicy } from './destination-rule.ts';
import type { Difference } from './fields.ts';
import { headersInConfig } from './header-rules.ts';
import { specificity } from './hosts.ts';
import { takesAll } from './match.ts';
import type { ImportedRoute } from './virtual-service.ts';
import { withoutFaults } from './without-faults.ts';

/** Without these of its parts a route would take other requests, or give them other keys. */
const NEEDED = ['match', 'cluster', 'shardKey'];

/** Makes our routes, in an order in which the first that matches is the one that Istio takes. */
export function buildRoutes(
  imported: readonly ImportedRoute[],
  clusters: Clusters,
  differences: Difference[],
): object[] {
  const sorted = inOrder(imported.flatMap(byDomain));
  tellOpenDomains(sorted, differences);
  return sorted.flatMap((each) => {
    const built = ourRoute(each, clusters.of(each.destination), differences);
    return withoutFaults(routeSchema, built, each.place, NEEDED, differences) ?? [];
  });
}

/** Envoy finds the most specific domain of a host first, and then a route in it: routes for unequal domains stand apart. */
function byDomain(route: ImportedRoute): ImportedRoute[] {
  return [...Map.groupBy(route.hosts, specificity).values()].map((hosts) => ({ ...route, hosts }));
}

const domainOf = ({ hosts: [host = '*'] }: ImportedRoute): number => specificity(host);

/** More specific domains first, and within one what takes every request last, as Istio puts it. */
function inOrder(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const rank = ({ match }: ImportedRoute): number => Number(takesAll(match));
  return routes.toSorted((a, b) => compare(domainOf(b), domainOf(a)) || rank(a) - rank(b));
}

/** Differences of infinities are no numbers. */
const compare = (a: number, b: number): number => (a < b ? -1 : Number(a > b));

/** A request for a domain that has routes, none of which matches, is answered 404 by Istio, and goes on to wider domains here. */
function tellOpenDomains(routes: readonly ImportedRoute[], differences: Difference[]): void {
  const closed = new Set(routes.filter(({ match }) => takesAll(match)).flatMap(({ hosts }) => hosts));
  const widest = routes.at(-1);
  if (widest === undefined) return;
  const open = new Set(routes.filter((each) => domainOf(each) > domainOf(widest)).flatMap(({ hosts }) => hosts));
  for (const host of open)
    if (!closed.has(host))
      differences.push({
        kind: 'changed',
        field: `host ${host}`,
        reason: 'requests that none of its routes matches go to those of wider hosts',
      });
}

function ourRoute(route: ImportedRoute, { name, policy }: ImportedCluster, differences: Difference[]): object {
  const { match, hosts, timeoutMs, cors } = route;
  const headers = headersInConfig(route.headers);
  const shardKey = keyOf(route, policy, differences);
  return {
    match: { ...match, ...(!hosts.includes('*') && { hosts: [...hosts] }) },
    cluster: name,
    ...(shardKey !== undefined && { shardKey }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(headers !== undefined && { headers }),
    ...(cors !== undefined && { cors }),
    ...(route.translatesGrpcWeb && { grpcWeb: 'translate' }),
  };
}

/** The key as Envoy has it, which hashes a request's headers after the route's rules have changed them. */
function keyOf(
  { place, headers }: ImportedRoute,
  policy: HashPolicy | null,
  differences: Difference[],
): object | undefined {
  const { set, add, remove } = headers.request;
  const header = policy?.header;
  const isKey = ([name]: readonly [string, string]): boolean => name.toLowerCase() === header;
  const fixed = Object.entries(set).find(isKey);
  if (fixed !== undefined) return { value: fixed[1] };
  const added = Object.entries(add).find(isKey);
  if (added !== undefined) {
    const reason = `${header} is the key: it is ${added[1]} where the client sends none, else the client's, and Envoy hashes both`;
    differences.push({ kind: 'changed', field: `${place}.headers.request.add`, reason });
    return { ...policy?.shardKey, missing: { value: added[1] } };
  }
  if (remove.some((name) => name.toLowerCase() === header)) {
    const reason = `${header} is the key: Envoy takes any endpoint where it is removed; here the client's counts`;
    differences.push({ kind: 'changed', field: `${place}.headers.request.remove`, reason });
  }
  return policy?.shardKey;
}

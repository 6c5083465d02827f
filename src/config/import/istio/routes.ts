import { formatDuration } from '../../../runtime/quantity.ts';
import { route as routeSchema } from '../../schema/route.ts';
import { byDomain, reportOpenDomains } from '../domains.ts';
import type { Difference } from '../fields.ts';
import { headersInConfig } from '../header-rules.ts';
import { takesAll } from '../match.ts';
import { keyBehindRules } from '../request-key.ts';
import { withoutFaults } from '../without-faults.ts';
import type { Clusters, ImportedCluster } from './clusters.ts';
import type { ImportedRoute } from './virtual-service.ts';

/** Without these of its parts a route would take other requests, or give them other keys. */
const NEEDED = ['match', 'cluster', 'shardKey'];

/** Makes our routes, in an order in which the first that matches is the one that Istio takes. */
export function buildRoutes(
  imported: readonly ImportedRoute[],
  clusters: Clusters,
  differences: Difference[],
): object[] {
  const sorted = byDomain(allLast(imported));
  reportOpenDomains(sorted, differences);
  return sorted.flatMap((each) => {
    const built = ourRoute(each, clusters.of(each.destination), differences);
    return withoutFaults(routeSchema, built, each.place, NEEDED, differences) ?? [];
  });
}

/** Within one domain what takes every request comes last, as Istio puts it. */
function allLast(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const rank = ({ match }: ImportedRoute): number => Number(takesAll(match));
  return routes.toSorted((a, b) => rank(a) - rank(b));
}

function ourRoute(route: ImportedRoute, { name, policy }: ImportedCluster, differences: Difference[]): object {
  const { match, hosts, timeoutMs, cors } = route;
  const headers = headersInConfig(route.headers);
  const shardKey = keyBehindRules(route, policy, differences);
  return {
    match: { ...match, ...(!hosts.includes('*') && { hosts: [...hosts] }) },
    cluster: name,
    ...(shardKey !== undefined && { shardKey }),
    ...(timeoutMs !== undefined && { timeout: formatDuration(timeoutMs) }),
    ...(headers !== undefined && { headers }),
    ...(cors !== undefined && { cors }),
    ...(route.translatesGrpcWeb && { grpcWeb: 'translate' }),
  };
}

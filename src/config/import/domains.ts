import type { Difference } from './fields.ts';
import { type ImportedMatch, takesAll } from './match.ts';

/** Whether a host, which may be a wildcard, is one of those that another stands for. */
export function isWithin(host: string, wider: string): boolean {
  if (wider === '*' || host === wider) return true;
  return wider.startsWith('*.') && host.endsWith(wider.slice(1));
}

/** The larger, the fewer hosts a name stands for: Envoy takes the most specific of its domains, whatever their order. */
export function specificity(host: string): number {
  if (host === '*') return 0;
  return host.startsWith('*') ? host.length : Number.POSITIVE_INFINITY;
}

/** A route, as far as it decides which cluster gets a request. */
interface ForHosts {
  readonly match: ImportedMatch;
  readonly hosts: readonly string[];
}

/**
 * Routes in an order in which the first that matches is the one that Envoy takes, which finds the most specific domain of a host
 * first, and then a route in it: a route for unequal domains stands apart for each.
 */
export function byDomain<Route extends ForHosts>(routes: readonly Route[]): Route[] {
  const apart = routes.flatMap((route) =>
    [...Map.groupBy(route.hosts, specificity).values()].map((hosts): Route => ({ ...route, hosts })),
  );
  return apart.toSorted((a, b) => compare(domainOf(b), domainOf(a)));
}

const domainOf = ({ hosts: [host = '*'] }: ForHosts): number => specificity(host);

/** Differences of infinities are no numbers. */
const compare = (a: number, b: number): number => (a < b ? -1 : Number(a > b));

/** A request for a domain that has routes, none of which matches, is answered 404 by Envoy, and goes on to wider domains here. */
export function reportOpenDomains(routes: readonly ForHosts[], differences: Difference[]): void {
  const closed = new Set(routes.filter(({ match }) => takesAll(match)).flatMap(({ hosts }) => hosts));
  const widest = routes.at(-1);
  if (widest === undefined) return;
  const open = new Set(routes.filter((each) => domainOf(each) > domainOf(widest)).flatMap(({ hosts }) => hosts));
  for (const host of open)
    if (!closed.has(host))
      differences.push({
        kind: 'changed',
        field: `host ${host}`,
        reason: 'requests that match none of its routes go to routes of wider hosts',
      });
}

import { readDuration } from '../durations.ts';
import type { Fields } from '../fields.ts';
import { type ImportedHeaders, joinHeaders } from '../header-rules.ts';
import { EVERY_PATH, type ImportedMatch } from '../match.ts';
import type { Binding } from './binding.ts';
import { readCorsPolicy } from './cors-policy.ts';
import { readHeaderRules } from './header-rules.ts';
import { fullName } from './hosts.ts';
import { type Matched, readMatch } from './match.ts';
import type { Resource } from './resources.ts';

/** A host's endpoints, or a subset of them, at a port. */
export interface Destination {
  /** Its full name, where that can be known. */
  readonly host: string;
  readonly subset: string | undefined;
  readonly port: number | undefined;
}

/** A route of ours, but for its key and its cluster, which depend on the destination's rule. */
export interface ImportedRoute {
  /** Where it stands in Istio's files. */
  readonly place: string;
  readonly match: ImportedMatch;
  readonly hosts: readonly string[];
  readonly destination: Destination;
  readonly timeoutMs: number | undefined;
  readonly headers: ImportedHeaders;
  readonly cors: object | undefined;
  readonly translatesGrpcWeb: boolean;
}

/** Reads a VirtualService: a route for each match of each of its HTTP routes. */
export function readVirtualService(resource: Resource, { hosts, translatesGrpcWeb }: Binding): ImportedRoute[] {
  return resource.spec.list('http').flatMap((http) => {
    http.take('name');
    const found = readDestination(http, resource.namespace);
    const rest = {
      place: http.place,
      timeoutMs: readDuration(http, 'timeout'),
      headers: readHeaderRules(http.mapping('headers')),
      cors: http.has('corsPolicy') ? readCorsPolicy(http.mapping('corsPolicy')) : undefined,
      translatesGrpcWeb,
    };
    const matches = readMatches(http, hosts);
    if (found === undefined) return [];
    const headers = joinHeaders(rest.headers, found.headers);
    return matches.map((match) => ({ ...rest, ...match, headers, destination: found.destination }));
  });
}

function readMatches(http: Fields, hosts: readonly string[]): Matched[] {
  const matches = http.list('match');
  if (hosts.length === 0) return [];
  if (matches.length === 0) return [{ match: EVERY_PATH, hosts }];
  return matches.flatMap((match) => readMatch(match, hosts) ?? []);
}

/** What a route may have in place of a destination. */
const INSTEAD = ['redirect', 'directResponse', 'delegate'];

/** Where a route goes: of several destinations to the one with the most weight. */
function readDestination(
  http: Fields,
  namespace: string | undefined,
): { destination: Destination; headers: ImportedHeaders } | undefined {
  const routes = http.list('route').map((route) => ({ route, weight: route.number('weight') ?? 0 }));
  const most = Math.max(...routes.map(({ weight }) => weight));
  const chosen = routes.find(({ weight }) => weight === most)?.route;
  for (const { route } of routes)
    if (route !== chosen)
      route.leaveOut(
        '',
        'a key has one owner: traffic is not split, and all of it goes to the destination with the largest weight',
      );
  const destination = chosen?.mapping('destination');
  const host = destination?.text('host');
  if (chosen === undefined || destination === undefined || host === undefined) {
    const instead = INSTEAD.find((name) => http.has(name)) ?? 'route';
    http.leaveOut(instead, 'the route has no destination and is left out; its requests go to the next match');
    return undefined;
  }
  return {
    destination: {
      host: fullName(host, namespace),
      subset: destination.text('subset'),
      port: destination.mapping('port').port('number'),
    },
    headers: readHeaderRules(chosen.mapping('headers')),
  };
}

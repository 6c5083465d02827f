import { isUntouchable } from '../schema/route.ts';
import { readCorsPolicy } from './cors-policy.ts';
import { readDuration } from './durations.ts';
import type { Fields } from './fields.ts';

/** A route of ours, but for its key, which the destination's rule gives. */
export interface ImportedRoute {
  readonly match: object;
  /** The destination's host. */
  readonly host: string;
  readonly port: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly headers: object | undefined;
  readonly cors: object | undefined;
}

/** Reads a VirtualService's `spec`: a route for each match of each of its HTTP routes. */
export function readVirtualService(spec: Fields): ImportedRoute[] {
  const hosts = spec.texts('hosts').filter((host) => host !== '*');
  // Which Gateways it is bound to does not matter: a router's routes are for all that it listens on.
  spec.take('gateways');
  const routes = spec.list('http').flatMap((http) => readHttpRoute(http, hosts));
  spec.finish();
  return routes;
}

function readHttpRoute(http: Fields, hosts: readonly string[]): ImportedRoute[] {
  http.take('name');
  const matches = http.has('match') ? http.list('match').map((match) => readMatch(match, hosts)) : [anyPath(hosts)];
  const destination = readDestination(http);
  const rest = {
    ...destination,
    timeoutMs: readDuration(http, 'timeout'),
    headers: readHeaders(http.mapping('headers')),
    cors: http.has('corsPolicy') ? readCorsPolicy(http.mapping('corsPolicy')) : undefined,
  };
  http.finish();
  return destination === undefined ? [] : matches.map((match) => ({ ...rest, ...destination, match }));
}

function anyPath(hosts: readonly string[]): object {
  return { prefix: '/', ...(hosts.length > 0 && { hosts }) };
}

function readMatch(match: Fields, serviceHosts: readonly string[]): object {
  match.take('name');
  const uri = match.mapping('uri');
  const path = uri.text('exact');
  const regex = uri.text('regex');
  const prefix = uri.text('prefix') ?? '/';
  uri.finish();
  // Istio's expressions match a whole text, ours anywhere in it.
  const onPath = path !== undefined ? { path } : regex !== undefined ? { regex: `^(?:${regex})$` } : { prefix };
  const method = match.mapping('method');
  const exactMethod = method.text('exact');
  method.finish('methods are matched exactly');
  const authority = match.mapping('authority');
  const exactHost = authority.text('exact');
  authority.finish('hosts are matched exactly, or by *.example.com');
  const hosts = exactHost === undefined ? serviceHosts : [exactHost.replace(/:\d+$/, '')];
  const headers = readHeaderMatches(match.mapping('headers'));
  match.finish();
  return {
    ...onPath,
    ...(hosts.length > 0 && { hosts }),
    ...(exactMethod !== undefined && { methods: [exactMethod] }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}

function readHeaderMatches(headers: Fields): Record<string, object> {
  const matches: Record<string, object> = {};
  for (const name of headers.names()) {
    const match = headers.mapping(name);
    const exact = match.text('exact');
    const prefix = match.text('prefix');
    const regex = match.text('regex');
    match.finish();
    if (exact !== undefined) matches[name] = { exact };
    else if (prefix !== undefined) matches[name] = { prefix };
    else matches[name] = regex === undefined ? { present: true } : { regex: `^(?:${regex})$` };
  }
  return matches;
}

function readDestination(http: Fields): { host: string; port: number | undefined } | undefined {
  const [first, ...others] = http.list('route');
  for (const other of others) other.leaveOut('', 'a key has one owner: traffic is not split by weight');
  if (first === undefined) return undefined;
  first.take('weight');
  const destination = first.mapping('destination');
  const host = destination.text('host');
  const port = destination.mapping('port');
  const number = port.number('number');
  port.finish();
  destination.finish();
  first.finish();
  return host === undefined ? undefined : { host, port: number };
}

function readHeaders(headers: Fields): object | undefined {
  const sides = ['request', 'response'].flatMap((side) => {
    const rules = headers.mapping(side);
    const set = changeable(rules, 'set');
    const add = changeable(rules, 'add');
    const remove = rules.texts('remove').filter((name) => !isUntouchable(name));
    rules.finish();
    const found = {
      ...(Object.keys(set).length > 0 && { set }),
      ...(Object.keys(add).length > 0 && { add }),
      ...(remove.length > 0 && { remove }),
    };
    return Object.keys(found).length > 0 ? [[side, found] as const] : [];
  });
  headers.finish();
  return sides.length > 0 ? Object.fromEntries(sides) : undefined;
}

/** The headers to set or add, without those that are not a rule's to change: these are told of. */
function changeable(rules: Fields, what: 'set' | 'add'): Record<string, string> {
  const headers = Object.entries(rules.dictionary(what));
  for (const [name] of headers)
    if (isUntouchable(name)) rules.leaveOut(`${what}.${name}`, "the header is not a rule's to change");
  return Object.fromEntries(headers.filter(([name]) => !isUntouchable(name)));
}

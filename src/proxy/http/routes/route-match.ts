import {
  canonicalPath,
  canonicalSegments,
  type HeaderBlock,
  headerName,
  type MessageHead,
} from '../../../http/index.ts';
import { Pattern } from './pattern.ts';
import { asLatin1, headerValues } from './shard-key.ts';
import { type TextMatch, textMatcher } from './text-match.ts';

/** Which requests a route is for: all that is given has to match. */
export interface RouteMatch {
  /** The path, without its query: one of these. */
  readonly path: { readonly prefix: string } | { readonly exact: string } | { readonly regex: string };
  /** Host names without a port; `*.example.com` stands for every name below. */
  readonly hosts?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly headers?: Readonly<Record<string, TextMatch>> | undefined;
}

/** Whether a path, in its one spelling, is the route's; asked once for a path, and remembered. */
export function pathMatcher({ path }: RouteMatch): (path: string) => boolean {
  if ('prefix' in path) {
    const prefix = canonicalSegments(asLatin1(path.prefix));
    return (text) => text.startsWith(prefix);
  }
  if ('exact' in path) {
    const exact = canonicalPath(asLatin1(path.exact));
    return (text) => text === exact;
  }
  const pattern = new Pattern(path.regex);
  return (text) => pattern.matches(text);
}

/** What of a request besides its path decides. */
export type Condition = (head: MessageHead, block: HeaderBlock) => boolean;

/** The route's conditions beyond the path; null where there are none, so that the path alone decides. */
export function conditionOf({ hosts, methods, headers }: RouteMatch): Condition | null {
  const conditions: Condition[] = [];
  if (methods !== undefined) conditions.push((head) => methods.includes(methodOf(head)));
  if (hosts !== undefined) conditions.push((head) => hosts.some((host) => isHost(host, head.authority?.text ?? '')));
  for (const [name, match] of Object.entries(headers ?? {})) {
    const wanted = headerName(name.toLowerCase());
    const matches = textMatcher(match);
    conditions.push((_head, block) => matches(headerValues(block, wanted)));
  }
  if (conditions.length === 0) return null;
  return (head, block) => conditions.every((condition) => condition(head, block));
}

/** A WebSocket is asked for by GET, whatever the version of HTTP makes of it (RFC 8441, 5). */
function methodOf(head: MessageHead): string {
  return head.protocol === null ? (head.method?.text ?? '') : 'GET';
}

function isHost(host: string, authority: string): boolean {
  const name = authority.replace(/:[0-9]*$/, '').toLowerCase();
  return host.startsWith('*.') ? name.endsWith(host.slice(1).toLowerCase()) : name === host.toLowerCase();
}

import { isWithin } from '../domains.ts';
import type { Fields } from '../fields.ts';
import { EVERY_PATH, type ImportedMatch, isHeader, literally, wholeText } from '../match.ts';
import { readStringMatch } from './string-match.ts';

/** A route's condition, and the hosts that it is for. */
export interface Matched {
  readonly match: ImportedMatch;
  readonly hosts: readonly string[];
}

/**
 * Reads one of a route's matches. Where a condition of it has no place here, the route would take requests that are not meant
 * for it: then it is null, and that has been reported.
 */
export function readMatch(match: Fields, hosts: readonly string[]): Matched | null {
  for (const name of ['name', 'statPrefix']) match.take(name);
  const methods = readMethods(match.mapping('method'));
  const headers = readHeaders(match);
  const found = {
    ...readPath(match),
    ...(methods !== undefined && { methods }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
  const asked = readAuthority(match.mapping('authority'), hosts);
  match.finish('Keyway has no such condition');
  if (!match.hasLeftOut && asked.length > 0) return { match: found, hosts: asked };
  match.leaveOut(
    '',
    'the route is left out for such requests, because it would take others too; they go to the next match',
  );
  return null;
}

function readPath(match: Fields): ImportedMatch {
  const uri = match.mapping('uri');
  const found = readStringMatch(uri);
  const ignoresCase = match.flag('ignoreUriCase');
  if (found === null) return EVERY_PATH;
  if (ignoresCase && !('regex' in found)) {
    const [kind, text] = 'exact' in found ? ['$', found.exact] : ['', found.prefix];
    return { regex: `^(?i:${literally(text)})${kind}` };
  }
  return 'exact' in found ? { path: found.exact } : found;
}

const METHODS = /^\(?([A-Z]+(?:\|[A-Z]+)*)\)?$/;

function readMethods(method: Fields): string[] | undefined {
  const found = readStringMatch(method);
  if (found === null) return undefined;
  if ('exact' in found) return [found.exact];
  const text = 'regex' in found ? found.regex.slice(wholeText('').indexOf(')'), -')$'.length) : '';
  const methods = METHODS.exec(text)?.[1]?.split('|');
  if (methods === undefined) method.leaveOut('', 'Keyway matches methods exactly');
  return methods;
}

/** Narrows the hosts of the service to what a match asks for besides. */
function readAuthority(authority: Fields, hosts: readonly string[]): readonly string[] {
  const found = readStringMatch(authority);
  if (found === null) return hosts;
  if (!('exact' in found)) {
    authority.leaveOut('', 'Keyway matches hosts exactly, or as *.example.com');
    return [];
  }
  const host = found.exact.replace(/:\d+$/, '');
  if (hosts.some((wider) => isWithin(host, wider))) return [host];
  authority.leaveOut('', `${host} is not a host of this service`);
  return [];
}

function readHeaders(match: Fields): Record<string, object> {
  const headers = match.mapping('headers');
  const without = match.mapping('withoutHeaders');
  const tests = headers.names().flatMap((name) => {
    const test = headers.mapping(name);
    const found = readStringMatch(test);
    if (!isHeader(name)) test.leaveOut('', 'is not a request header');
    return [[name, found ?? { present: true }] as const];
  });
  const absent = without.names().flatMap((name) => {
    const test = without.mapping(name);
    if (readStringMatch(test) !== null)
      test.leaveOut('', 'Keyway can check that a header exists, but not that it differs');
    return [[name, { present: false }] as const];
  });
  return Object.fromEntries([...tests, ...absent]);
}

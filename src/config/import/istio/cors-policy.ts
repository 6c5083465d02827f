import { longestAge } from '../cors.ts';
import { readDuration } from '../durations.ts';
import type { Fields } from '../fields.ts';
import { readStringMatch } from './string-match.ts';

/** What `*` stands for: the methods of RFC 9110 and RFC 5789 that a page may use (Fetch, "forbidden method"). */
const EVERY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Reads a `corsPolicy`. Without origins it allows none, and there is nothing to carry over. */
export function readCorsPolicy(policy: Fields): object | undefined {
  const allowOrigins = [
    ...policy.list('allowOrigins').flatMap(readOrigin),
    // The form before Istio 1.6.
    ...policy.texts('allowOrigin').map((origin) => (origin === '*' ? ANY : { exact: origin })),
  ];
  const cors = {
    allowOrigins,
    allowMethods: readMethods(policy),
    allowHeaders: policy.texts('allowHeaders'),
    exposeHeaders: policy.texts('exposeHeaders'),
    allowCredentials: policy.flag('allowCredentials'),
  };
  const maxAgeMs = readDuration(policy, 'maxAge');
  if (allowOrigins.length === 0) return undefined;
  return {
    ...cors,
    ...(maxAgeMs !== undefined && { maxAge: longestAge(policy, 'maxAge', maxAgeMs) }),
  };
}

const ANY = { regex: '.*' };

function readOrigin(origin: Fields): object[] {
  const found = readStringMatch(origin);
  if (found === null) return [];
  return 'exact' in found && found.exact === '*' ? [ANY] : [found];
}

function readMethods(policy: Fields): string[] {
  const methods = policy.texts('allowMethods');
  if (!methods.includes('*')) return methods;
  policy.change('allowMethods', `* stands for ${EVERY_METHOD.join(', ')}`);
  return EVERY_METHOD;
}

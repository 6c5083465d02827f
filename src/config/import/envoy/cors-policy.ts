import { longestAge } from '../cors.ts';
import type { Fields } from '../fields.ts';
import { readStringMatcher } from './string-matcher.ts';

/** Reads a CorsPolicy; undefined where it allows no origin. */
export function readCors(policy: Fields): object | undefined {
  policy.take('@type');
  const allowOrigins = policy.list('allow_origin_string_match').flatMap((matcher) => {
    const found = readStringMatcher(matcher);
    if (found === null) return [];
    return 'exact' in found && found.exact === '*' ? [{ regex: '.*' }] : [found];
  });
  const cors = {
    allowOrigins,
    allowMethods: readList(policy, 'allow_methods'),
    allowHeaders: readList(policy, 'allow_headers'),
    exposeHeaders: readList(policy, 'expose_headers'),
    allowCredentials: policy.flag('allow_credentials'),
  };
  const seconds = policy.number('max_age');
  if (allowOrigins.length === 0) return undefined;
  return { ...cors, ...(seconds !== undefined && { maxAge: longestAge(policy, 'max_age', seconds * 1000) }) };
}

/** Envoy has the header's value as it is answered. */
function readList(policy: Fields, name: string): string[] {
  const items = (policy.text(name) ?? '').split(',').map((item) => item.trim());
  if (items.includes('*')) policy.leaveOut(name, '* is left out: list each one');
  return items.filter((item) => item !== '' && item !== '*');
}

import type { Fields } from '../fields.ts';
import type { ImportedKey } from '../request-key.ts';

/** Reads a route's `hash_policy`; null where it has none that can be carried over. */
export function readHashPolicies(route: Fields): ImportedKey | null {
  const policies = route.list('hash_policy').flatMap((policy) => {
    const source = readPolicy(policy);
    return source === null ? [] : [{ policy, source, isLast: policy.flag('terminal') }];
  });
  const [first] = policies;
  if (first === undefined) return null;
  // Envoy looks at those behind a terminal one only where that gives nothing, which is what a list does here.
  for (const { policy, isLast } of policies.slice(0, -1))
    if (!isLast)
      policy.change(
        'terminal',
        'Envoy combines the hashes of all policies that apply to a request; Keyway uses the first that yields a key',
      );
  const sources = policies.map(({ source }) => source);
  const headers = sources.flatMap((source) => ('header' in source ? [source.header] : []));
  return { shardKey: sources.length === 1 ? first.source : sources, header: headers[0]?.toLowerCase() };
}

type KeySource =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string }
  | { readonly clientAddress: true };

function readPolicy(policy: Fields): KeySource | null {
  if (policy.has('header')) return readHeader(policy.mapping('header'));
  if (policy.has('cookie')) return readCookie(policy.mapping('cookie'));
  if (policy.has('query_parameter')) return readQuery(policy.mapping('query_parameter'));
  if (policy.has('connection_properties') && policy.mapping('connection_properties').flag('source_ip'))
    return { clientAddress: true };
  policy.leaveOut('', 'Keyway takes keys only from headers, cookies, query parameters and the client’s address');
  return null;
}

function readHeader(header: Fields): KeySource | null {
  const name = header.text('header_name');
  if (!header.has('regex_rewrite')) return name === undefined ? null : { header: name };
  header.leaveOut('regex_rewrite', 'Envoy hashes a text other than the header: Keyway makes no key from it');
  return null;
}

function readCookie(cookie: Fields): KeySource | null {
  for (const name of ['ttl', 'path', 'attributes'])
    if (cookie.has(name)) cookie.leaveOut(name, 'Keyway does not set cookies: a request without this one has no key');
  const name = cookie.text('name');
  return name === undefined ? null : { cookie: name };
}

function readQuery(query: Fields): KeySource | null {
  const name = query.text('name');
  if (name === undefined) return null;
  query.change(
    'name',
    'if letters, digits or -._~ are encoded needlessly, Envoy uses another key; and two values of it are refused',
  );
  return { query: name };
}

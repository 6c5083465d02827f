import type { Difference } from './fields.ts';
import type { ImportedHeaders } from './header-rules.ts';

/** Where a key comes from, in the terms of our config. */
export interface ImportedKey {
  /** Undefined where nothing says it. */
  readonly shardKey: object | undefined;
  /** The header that holds the key, in lower case. */
  readonly header: string | undefined;
}

interface WithRules {
  readonly place: string;
  readonly headers: ImportedHeaders;
}

/** The key as Envoy has it, which hashes a request's headers after the route's rules have changed them. */
export function keyBehindRules(
  { place, headers }: WithRules,
  policy: ImportedKey | null,
  differences: Difference[],
): object | undefined {
  const { set, add, remove } = headers.request;
  const header = policy?.header;
  const isKey = ([name]: readonly [string, string]): boolean => name.toLowerCase() === header;
  const fixed = Object.entries(set).find(isKey);
  if (fixed !== undefined) return { value: fixed[1] };
  const added = Object.entries(add).find(isKey);
  if (added !== undefined) {
    const reason = `${header} is the key: it is ${added[1]} if the client sends none, otherwise the client's; Envoy hashes both`;
    differences.push({ kind: 'changed', field: `${place}.headers.request.add`, reason });
    return { ...policy?.shardKey, missing: { value: added[1] } };
  }
  if (remove.some((name) => name.toLowerCase() === header)) {
    const reason = `${header} is the key: if it is removed, Envoy takes any endpoint; Keyway uses the client's value`;
    differences.push({ kind: 'changed', field: `${place}.headers.request.remove`, reason });
  }
  return policy?.shardKey;
}

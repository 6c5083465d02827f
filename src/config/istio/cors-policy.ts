import { readDuration } from './durations.ts';
import type { Fields } from './fields.ts';

/** Reads a `corsPolicy`. Without origins it allows none, and there is nothing to carry over. */
export function readCorsPolicy(policy: Fields): object | undefined {
  const allowOrigins = [
    ...policy.list('allowOrigins').flatMap(readOrigin),
    // The form before Istio 1.6.
    ...policy.texts('allowOrigin').map((origin) => (origin === '*' ? ANY : { exact: origin })),
  ];
  const cors = {
    allowOrigins,
    allowMethods: policy.texts('allowMethods'),
    allowHeaders: policy.texts('allowHeaders'),
    exposeHeaders: policy.texts('exposeHeaders'),
    allowCredentials: policy.take('allowCredentials') === true,
  };
  const maxAgeMs = readDuration(policy, 'maxAge');
  policy.finish();
  if (allowOrigins.length === 0) return undefined;
  return { ...cors, ...(maxAgeMs !== undefined && { maxAgeSeconds: Math.floor(maxAgeMs / 1000) }) };
}

const ANY = { regex: '.*' };

function readOrigin(origin: Fields): object[] {
  const exact = origin.text('exact');
  const prefix = origin.text('prefix');
  const regex = origin.text('regex');
  origin.finish();
  if (exact !== undefined) return [exact === '*' ? ANY : { exact }];
  if (prefix !== undefined) return [{ prefix }];
  // Istio's expressions match a whole text, ours anywhere in it.
  return regex === undefined ? [] : [{ regex: `^(?:${regex})$` }];
}

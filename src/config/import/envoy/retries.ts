import type { Fields } from '../fields.ts';

/** What Keyway repeats whatever the route says: what a shard did certainly not process. */
const SAFE = new Set(['connect-failure', 'refused-stream', 'reset-before-request']);
/** What it repeats for `idempotent`. */
const PROCESSED = new Set(['gateway-error', 'reset', 'unavailable', '5xx']);

/** Reads a `retry_policy`; undefined where there is none. */
export function readRetries(fields: Fields): object | undefined {
  if (!fields.has('retry_policy')) return undefined;
  const policy = fields.mapping('retry_policy');
  const conditions = (policy.text('retry_on') ?? '').split(',').map((each) => each.trim());
  const others = conditions.filter((each) => each !== '' && !SAFE.has(each) && !PROCESSED.has(each));
  if (others.length > 0) policy.leaveOut('retry_on', `${others.join(', ')}: Keyway does not retry for this`);
  if (conditions.includes('5xx'))
    policy.change(
      'retry_on',
      '5xx: Keyway retries lost connections, resets, 502, 503, 504 and UNAVAILABLE, but not 500',
    );
  const idempotent = conditions.some((each) => PROCESSED.has(each));
  return { attempts: policy.number('num_retries') ?? 1, ...(idempotent && { idempotent }) };
}

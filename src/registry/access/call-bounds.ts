import { Denial } from './denial.ts';

/** The longest lease, as for a router in a config. A lost member is noticed by then. */
export const LONGEST_LEASE_MS = 3_600_000;
/** Of kinds, a namespace, a cluster, a shard and a unit's own name. */
export const LONGEST_KEY_BYTES = 4096;
/** As much as a topology of 20,000 shards takes; etcd's own bound is 1.5 MB. */
export const LARGEST_VALUE_BYTES = 8 * 1024 * 1024;
/** As many as one transaction of etcd carries. */
const MAX_PER_COMMIT = 4096;
/** etcd's are numbers of 64 bits. */
const LONGEST_LEASE_ID = 20;

/** Returns what is wrong with a field's value; null: nothing. */
type Bound = (value: unknown) => string | null;

const textOf =
  (least: number, most: number): Bound =>
  (value) => {
    if (typeof value !== 'string') return 'is not a text';
    if (value.length < least) return 'is empty';
    // Two compares spare most texts the count: a UTF-16 unit takes three bytes at most.
    if (value.length * 3 <= most) return null;
    const bytes = Buffer.byteLength(value);
    return bytes > most ? `has ${bytes} bytes; at most ${most}` : null;
  };

const integer =
  (least: number, most: number): Bound =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `is ${value}; a whole number from ${least} to ${most}`;

const listOf =
  (most: number): Bound =>
  (value) =>
    Array.isArray(value) && value.length > most ? `has ${value.length}; at most ${most}` : null;

const revision = integer(0, Number.MAX_SAFE_INTEGER);

/** By the names of fields, which mean the same in every request of `keyway.registry.v1`. */
const BOUNDS: Readonly<Record<string, Bound>> = {
  key: textOf(1, LONGEST_KEY_BYTES),
  prefix: textOf(0, LONGEST_KEY_BYTES),
  value: textOf(0, LARGEST_VALUE_BYTES),
  lease: (value) =>
    new RegExp(`^-?[0-9]{0,${LONGEST_LEASE_ID}}$`).test(String(value)) ? null : 'is not the name of a lease',
  lengthMs: integer(1, LONGEST_LEASE_MS),
  revision,
  after: revision,
  since: revision,
  conditions: listOf(MAX_PER_COMMIT),
  changes: listOf(MAX_PER_COMMIT),
  unchanged: () => null,
  seen: () => null,
  created: revision,
};

/** Checks every field of a request. @param at where it stands, for messages. @throws Denial */
export function checkBounds(request: object, at = ''): void {
  for (const [name, value] of Object.entries(request)) {
    // An optional field that is not there; and a condition on a prefix has no key.
    if (value === null || value === undefined || (name === 'key' && 'unchanged' in request && request.unchanged))
      continue;
    const fault = BOUNDS[name] === undefined ? 'is not known' : BOUNDS[name](value);
    if (fault !== null) throw new Denial('out of bounds', `${at}${name} ${fault}`);
    if (Array.isArray(value)) for (const [i, each] of value.entries()) checkBounds(each, `${at}${name}[${i}].`);
    else if (typeof value === 'object') checkBounds(value, `${at}${name}.`);
  }
}

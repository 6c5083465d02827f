import type { Call, History, StoredChange } from '../history.ts';

/** An operation as the checker of linearizability takes it: a line of JSON each. */
export interface RegisterOperation {
  readonly client: number;
  readonly key: string;
  readonly kind: 'put' | 'get';
  readonly value: string;
  readonly revision: number;
  /** Microseconds from the run's beginning; the end is null where it may take effect at any later time. */
  readonly begin: number;
  readonly end: number | null;
}

/** Who reads every document in the end. */
const AUDITOR = -1;

/**
 * What clients did, each key being a register with a value and a revision that grows. A call that failed may have taken
 * effect, then or later, or never: the store tells which, and no read depends on one that it does not have. What the store
 * holds in the end is a last read.
 */
export function registerOperations({ calls, stored }: History): RegisterOperation[] {
  const zeroMs = calls.reduce((least, { begin }) => Math.min(least, begin), Number.POSITIVE_INFINITY);
  const micros = (ms: number): number => Math.round((ms - zeroMs) * 1000);
  const endMs = calls.reduce((most, { end }) => Math.max(most, end), 0) + 1;
  const puts = Map.groupBy(stored, ({ key, value }) => `${key} = ${value}`);
  const operations = calls.flatMap((call) => {
    const { client, key, operation, value, error } = call;
    const begun = { client, key, kind: operation, value, begin: micros(call.begin) };
    const known = { ...begun, revision: call.revision, end: micros(call.end) };
    if (operation === 'get') return error === null ? [known] : [];
    const late = carriedOut(call, puts.get(`${key} = ${value}`) ?? []);
    return [
      ...(error === null ? [known] : []),
      ...late.map(({ revision }): RegisterOperation => ({ ...begun, revision, end: null })),
    ];
  });
  return [...operations, ...lastReads(stored, micros(endMs))];
}

/** What the store has of a put without its client having been told. */
function carriedOut({ error, revision }: Call, changes: readonly StoredChange[]): readonly StoredChange[] {
  return error === null ? changes.filter((change) => change.revision !== revision) : changes;
}

function lastReads(stored: readonly StoredChange[], at: number): RegisterOperation[] {
  const last = new Map<string, StoredChange>();
  for (const change of stored)
    if (change.revision > (last.get(change.key)?.revision ?? 0)) last.set(change.key, change);
  return [...last.values()].map(({ key, value, revision }) => ({
    client: AUDITOR,
    key,
    kind: 'get',
    value,
    revision,
    begin: at,
    end: at,
  }));
}

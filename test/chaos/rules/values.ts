import type { Call, History, StoredChange } from '../history.ts';
import type { Violation } from './violation.ts';

/** What became of what clients wrote: judged by revisions and values, of which each put has one of its own. */
export function* values(history: History): Generator<Violation> {
  yield* revisionsGrow(history.calls);
  yield* putsAreCarriedOutOnce(history);
  yield* valuesAreWhatWasPut(history);
  yield* acknowledgedPutsStay(history);
  yield* readsAreCurrent(history.calls);
  yield* versionsGrow(history.stored);
}

function* revisionsGrow(calls: readonly Call[]): Generator<Violation> {
  const used = new Map<number, Call>();
  for (const call of calls) {
    if (call.operation !== 'put' || call.error !== null) continue;
    const other = used.get(call.revision);
    if (other !== undefined)
      yield { rule: 'revisions grow', what: `revision ${call.revision} for ${call.key} and for ${other.key}` };
    used.set(call.revision, call);
  }
  for (const [key, puts] of Map.groupBy([...used.values()], (call) => call.key)) {
    for (const { call, newest } of afterWhatEnded(puts, puts)) {
      if (newest > call.revision)
        yield { rule: 'revisions grow', what: `${key}: a put after one at revision ${newest} got ${call.revision}` };
    }
  }
}

/** A route that may repeat requests may have one carried out several times: what comes of that shows in reads. */
function* putsAreCarriedOutOnce({ calls, stored }: History): Generator<Violation> {
  const repeating = new Set(calls.filter(({ repeats }) => repeats).map(({ key, value }) => `${key} = ${value}`));
  for (const [put, changes] of Map.groupBy(stored, ({ key, value }) => `${key} = ${value}`)) {
    if (changes.length === 1 || repeating.has(put)) continue;
    const revisions = changes.map(({ revision }) => revision).join(', ');
    yield { rule: 'a put is carried out once', what: `${put} at revisions ${revisions}` };
  }
}

/** Nothing is stored, read, or told of that nobody put there; and what is told of a revision is what is stored at it. */
function* valuesAreWhatWasPut({ calls, watches, stored }: History): Generator<Violation> {
  const rule = 'values are what was put';
  const put = new Set(
    calls.filter(({ operation }) => operation === 'put').map(({ key, value }) => `${key} = ${value}`),
  );
  const changes = new Map(stored.map((change) => [change.revision, change]));
  for (const { key, value, revision } of stored) {
    if (!put.has(`${key} = ${value}`))
      yield { rule, what: `${key} = "${value}" is stored at revision ${revision}, and nobody put it` };
  }
  const wrong = (key: string, revision: number, value: string): boolean => {
    const change = changes.get(revision);
    return change?.key !== key || change.value !== value;
  };
  for (const { operation, error, key, revision, value, client } of calls) {
    if (operation !== 'get' || error !== null) continue;
    if (revision === 0 ? value !== '' : wrong(key, revision, value))
      yield {
        rule,
        what: `client ${client} read ${key} = "${value}" at revision ${revision}: ${text(changes, revision)}`,
      };
  }
  for (const { client, key, seen } of watches) {
    for (const { revision, value } of seen) {
      if (changes.has(revision) && wrong(key, revision, value))
        yield { rule, what: `watcher ${client} saw ${key} = "${value}" at ${revision}: ${text(changes, revision)}` };
    }
  }
}

function text(changes: ReadonlyMap<number, StoredChange>, revision: number): string {
  const change = changes.get(revision);
  return change === undefined ? 'the store has no such revision' : `the store has ${change.key} = "${change.value}"`;
}

function* acknowledgedPutsStay({ calls, stored }: History): Generator<Violation> {
  const changes = new Map(stored.map((change) => [change.revision, change]));
  for (const { operation, error, key, value, revision } of calls) {
    if (operation !== 'put' || error !== null) continue;
    const change = changes.get(revision);
    if (change === undefined || change.key !== key || change.value !== value)
      yield {
        rule: 'acknowledged puts stay',
        what: `${key} = ${value} at revision ${revision} was acknowledged: ${text(changes, revision)}`,
      };
  }
}

/** A read shows everything that was acknowledged, or that another read had shown, before it began. */
function* readsAreCurrent(calls: readonly Call[]): Generator<Violation> {
  const done = calls.filter(({ error }) => error === null);
  for (const [key, ofKey] of Map.groupBy(done, (call) => call.key)) {
    const gets = ofKey.filter(({ operation }) => operation === 'get');
    for (const { call, newest } of afterWhatEnded(gets, ofKey)) {
      if (call.revision < newest)
        yield {
          rule: 'reads are current',
          what: `${key}: client ${call.client} read revision ${call.revision} after ${newest} had been seen`,
        };
    }
  }
}

/** Each of some calls, with the newest revision of those that had ended before it began. */
function* afterWhatEnded(
  calls: readonly Call[],
  others: readonly Call[],
): Generator<{ readonly call: Call; readonly newest: number }> {
  const byEnd = [...others].sort((a, b) => a.end - b.end);
  let newest = 0;
  let ended = 0;
  for (const call of [...calls].sort((a, b) => a.begin - b.begin)) {
    for (; ended < byEnd.length && (byEnd[ended] as Call).end < call.begin; ended++)
      newest = Math.max(newest, (byEnd[ended] as Call).revision);
    yield { call, newest };
  }
}

/** The store takes no write of a version that is older than the document's last one. */
function* versionsGrow(stored: readonly StoredChange[]): Generator<Violation> {
  for (const [key, changes] of Map.groupBy(stored, (change) => change.key)) {
    let last = 0;
    for (const { revision, version } of [...changes].sort((a, b) => a.revision - b.revision)) {
      if (version < last)
        yield {
          rule: 'versions grow',
          what: `${key}: revision ${revision} was written by version ${version} after ${last}`,
        };
      last = Math.max(last, version);
    }
  }
}

import { hasMoved } from '../changes.ts';
import type { History, Watch } from '../history.ts';
import type { Excuses } from './disturbed.ts';
import type { Violation } from './violation.ts';

/** A router hears of a change that was given up after who gave it up, and goes on draining until then. */
const HEARS_WITHIN_MS = 1000;
/** A stream may end a little after the change of version that it ends for. */
const DRAINS_WITHIN_MS = 5000;
/** Or before: the drain of a version by which a lost shard is taken out waits for routers that are stopped until their leases are over. */
const DRAINS_BEFORE_MS = 12_000;

/** Each watcher has seen every change, in order, once. */
export function* watchersSeeEverything({ watches, stored, calls, plain }: History): Generator<Violation> {
  const acknowledged = new Set(
    calls.filter(({ operation, error }) => operation === 'put' && error === null).map(({ revision }) => revision),
  );
  const byKey = Map.groupBy(stored, (change) => change.key);
  for (const watch of watches) {
    const all = (byKey.get(watch.key) ?? [])
      .map(({ revision }) => revision)
      .filter((revision) => revision > watch.first)
      .sort((a, b) => a - b);
    // A plain shard carries out late what a client has given up, when others have the key: watchers there need not hear of it.
    const seen = new Set(watch.seen.map(({ revision }) => revision));
    const expected = plain.length === 0 ? all : all.filter((each) => acknowledged.has(each) || seen.has(each));
    const fault = firstDifference(watch, expected);
    if (fault !== null) yield { rule: 'watchers see everything', what: fault };
  }
}

function firstDifference({ client, key, seen, first }: Watch, all: readonly number[]): string | null {
  const length = Math.max(seen.length, all.length);
  for (let i = 0; i < length; i++) {
    const saw = seen[i]?.revision;
    if (saw === all[i]) continue;
    const after = seen[i - 1]?.revision ?? first;
    return `watcher ${client} of ${key}, after revision ${after}: saw ${saw ?? 'nothing'} where ${all[i] ?? 'nothing'} is next`;
  }
  return null;
}

/** A stream ends only for a fault, or because its key goes elsewhere. */
export function* unmovedStreamsLiveOn({ watches, changes, versions }: History, excuses: Excuses): Generator<Violation> {
  const planned = changes.map((change) => ({ ...change, keys: new Set(change.moved) }));
  const mayEnd = (key: string, at: number): boolean =>
    planned.some((change) => change.keys.has(key) && change.begin <= at && at <= change.end + HEARS_WITHIN_MS) ||
    versions.some(
      (version, i) =>
        hasMoved(key, versions[i - 1] ?? version, version) &&
        version.since - DRAINS_BEFORE_MS <= at &&
        at <= version.seen + DRAINS_WITHIN_MS,
    );
  for (const { client, key, streams } of watches) {
    for (const { end, reason, router } of streams) {
      if (reason === 'done' || excuses.cover(router, key, end, end) || mayEnd(key, end)) continue;
      yield {
        rule: 'unmoved streams live on',
        what: `the stream of watcher ${client} of ${key} by r${router} ended at ${end.toFixed(1)}: ${reason}`,
      };
    }
  }
}

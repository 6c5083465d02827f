import type { Call, History, ShardOperation, Stop, StoredChange, Watch } from './history.ts';

/** What must never happen, and did. */
export interface Violation {
  readonly rule:
    | 'two shards at once'
    | 'revisions grow'
    | 'acknowledged puts stay'
    | 'reads are current'
    | 'watchers see everything'
    | 'planned changes fail nothing'
    | 'unmoved streams live on'
    | 'versions grow';
  readonly what: string;
}

/** What was looked at: a check that had nothing to look at has shown nothing. */
export interface Counts {
  readonly operations: number;
  readonly puts: number;
  readonly gets: number;
  readonly failed: number;
  readonly failedUndisturbed: number;
  readonly watchers: number;
  readonly streams: number;
  readonly events: number;
  readonly changes: number;
  readonly movedStreams: number;
  readonly disturbances: number;
  /** Keys that were served by more than one shard, one after the other. */
  readonly keysHandedOver: number;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

/** A watch that was open when its shard was stopped ends when the shard goes on and looks at its clock. */
const NOTICES_WITHIN_MS = 1000;

/** Judges a run by what shards and clients wrote down. Times of one machine, so that all can be compared. */
export function check(history: History): Judgement {
  const violations: Violation[] = [
    ...twoShardsAtOnce(history),
    ...revisionsGrow(history),
    ...acknowledgedPutsStay(history),
    ...readsAreCurrent(history.calls),
    ...watchersSeeEverything(history),
    ...plannedChangesFailNothing(history),
    ...unmovedStreamsLiveOn(history),
    ...versionsGrow(history.stored),
  ];
  return { violations, counts: countsOf(history) };
}

/** The time in which an operation may have had an effect: not while its process was stopped. */
function effective(
  { begin, end, pid, operation }: ShardOperation,
  stops: readonly Stop[],
): { begin: number; end: number } {
  const stop = stops.find((each) => each.pid === pid && each.begin > begin && each.begin < end);
  if (stop === undefined) return { begin, end };
  // What a stopped process does afterwards other rules judge: the store refuses it, or its revision tells.
  const isOver = operation !== 'watch' || end - stop.end < NOTICES_WITHIN_MS;
  return { begin, end: isOver ? stop.begin : end };
}

function* twoShardsAtOnce({ operations, stops }: History): Generator<Violation> {
  for (const [key, ofKey] of Map.groupBy(operations, ({ key: each }) => each)) {
    const timed = ofKey
      .filter(({ served }) => served)
      .map((operation) => ({ operation, ...effective(operation, stops) }))
      .sort((a, b) => a.begin - b.begin);
    // Of each shard the one that ends last so far: if any overlaps, that one does.
    const last = new Map<string, (typeof timed)[number]>();
    for (const each of timed) {
      for (const other of last.values()) {
        if (other.operation.shard === each.operation.shard || other.end <= each.begin) continue;
        const between = `${described(other)} and ${described(each)}`;
        yield { rule: 'two shards at once', what: `${key}: ${between}` };
      }
      const before = last.get(each.operation.shard);
      if (before === undefined || before.end < each.end) last.set(each.operation.shard, each);
    }
  }
}

function described({
  operation: { shard, operation },
  begin,
  end,
}: {
  operation: ShardOperation;
  begin: number;
  end: number;
}): string {
  return `${operation} on ${shard} at ${begin.toFixed(1)}..${end.toFixed(1)}`;
}

function* revisionsGrow({ calls }: History): Generator<Violation> {
  const used = new Map<number, Call>();
  for (const call of calls) {
    if (call.operation !== 'put' || call.error !== null) continue;
    const other = used.get(call.revision);
    if (other !== undefined)
      yield { rule: 'revisions grow', what: `revision ${call.revision} for ${call.key} and for ${other.key}` };
    used.set(call.revision, call);
  }
  for (const [key, puts] of Map.groupBy([...used.values()], (call) => call.key)) {
    let largest: Call | null = null;
    const byEnd = [...puts].sort((a, b) => a.end - b.end);
    let ended = 0;
    for (const put of [...puts].sort((a, b) => a.begin - b.begin)) {
      for (; ended < byEnd.length && (byEnd[ended] as Call).end < put.begin; ended++) {
        const before = byEnd[ended] as Call;
        if (largest === null || before.revision > largest.revision) largest = before;
      }
      if (largest !== null && largest.revision > put.revision)
        yield {
          rule: 'revisions grow',
          what: `${key}: a put after revision ${largest.revision} was acknowledged got ${put.revision}`,
        };
    }
  }
}

function* acknowledgedPutsStay({ calls, stored }: History): Generator<Violation> {
  const changes = new Map(stored.map((change) => [change.revision, change]));
  for (const { operation, error, key, value, revision } of calls) {
    if (operation !== 'put' || error !== null) continue;
    const change = changes.get(revision);
    if (change === undefined || change.key !== key || change.value !== value)
      yield {
        rule: 'acknowledged puts stay',
        what: `${key} = ${value} at revision ${revision} was acknowledged, and the store has ${JSON.stringify(change)}`,
      };
  }
}

/** A read shows everything that was acknowledged before it began. */
function* readsAreCurrent(calls: readonly Call[]): Generator<Violation> {
  const done = calls.filter(({ error }) => error === null);
  for (const [key, ofKey] of Map.groupBy(done, (call) => call.key)) {
    const puts = ofKey.filter(({ operation }) => operation === 'put').sort((a, b) => a.end - b.end);
    let newest = 0;
    let ended = 0;
    for (const get of ofKey.filter(({ operation }) => operation === 'get').sort((a, b) => a.begin - b.begin)) {
      for (; ended < puts.length && (puts[ended] as Call).end < get.begin; ended++)
        newest = Math.max(newest, (puts[ended] as Call).revision);
      if (get.revision < newest)
        yield { rule: 'reads are current', what: `${key}: read at revision ${get.revision}, behind ${newest}` };
    }
  }
}

function* watchersSeeEverything({ watches, stored }: History): Generator<Violation> {
  const revisions = new Map<string, number[]>();
  for (const [key, changes] of Map.groupBy(stored, (change) => change.key))
    revisions.set(
      key,
      changes.map(({ revision }) => revision).sort((a, b) => a - b),
    );
  for (const watch of watches) {
    const all = (revisions.get(watch.key) ?? []).filter((revision) => revision > watch.first);
    const fault = firstDifference(watch, all);
    if (fault !== null) yield { rule: 'watchers see everything', what: fault };
  }
}

function firstDifference({ client, key, seen, first }: Watch, all: readonly number[]): string | null {
  const length = Math.max(seen.length, all.length);
  for (let i = 0; i < length; i++) {
    if (seen[i] === all[i]) continue;
    const after = seen[i - 1] ?? first;
    return `watcher ${client} of ${key}, after revision ${after}: saw ${seen[i] ?? 'nothing'} where ${all[i] ?? 'nothing'} is next`;
  }
  return null;
}

function* plannedChangesFailNothing({ calls, disturbances }: History): Generator<Violation> {
  for (const { error, operation, key, begin, end } of calls) {
    if (error === null || disturbances.some((each) => each.begin < end && begin < each.end)) continue;
    yield {
      rule: 'planned changes fail nothing',
      what: `${operation} ${key} at ${begin.toFixed(1)}..${end.toFixed(1)}: ${error}`,
    };
  }
}

function* unmovedStreamsLiveOn({ watches, changes, disturbances }: History): Generator<Violation> {
  const moves = changes.map((change) => ({ ...change, keys: new Set(change.moved) }));
  for (const { client, key, streams } of watches) {
    for (const { end, reason } of streams) {
      if (reason === 'done') continue;
      if (disturbances.some((each) => each.begin <= end && end <= each.end)) continue;
      if (moves.some((change) => change.keys.has(key) && change.begin <= end && end <= change.end)) continue;
      yield {
        rule: 'unmoved streams live on',
        what: `the stream of watcher ${client} of ${key} ended at ${end.toFixed(1)}: ${reason}`,
      };
    }
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

function countsOf({ operations, calls, watches, changes, disturbances }: History): Counts {
  const failed = calls.filter(({ error }) => error !== null);
  const streams = watches.flatMap((watch) => watch.streams);
  const handedOver = [...Map.groupBy(operations, ({ key }) => key).values()].filter(
    (ofKey) => new Set(ofKey.map(({ shard }) => shard)).size > 1,
  );
  return {
    operations: operations.length,
    puts: calls.filter(({ operation }) => operation === 'put').length,
    gets: calls.filter(({ operation }) => operation === 'get').length,
    failed: failed.length,
    failedUndisturbed: [...plannedChangesFailNothing({ calls, disturbances } as History)].length,
    watchers: watches.length,
    streams: streams.length,
    events: watches.reduce((sum, { seen }) => sum + seen.length, 0),
    changes: changes.filter(({ done }) => done).length,
    movedStreams: streams.filter(({ reason }) => reason.includes('move')).length,
    disturbances: disturbances.length,
    keysHandedOver: handedOver.length,
  };
}

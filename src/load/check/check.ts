import type { History, Operation, WatchStream } from './history.ts';

/** What has to hold for every key. */
export type Rule = 'one shard at a time' | 'revisions grow' | 'watches miss nothing';

/** How a rule was kept. */
export interface RuleReport {
  readonly rule: Rule;
  readonly violations: number;
  /** Keys, or watches, of which each may have broken it many times. */
  readonly affected: number;
  /** Some of them, for people. */
  readonly examples: readonly string[];
}

/** What a run's clients saw, judged. A check that had nothing to look at has shown nothing: that is counted too. */
export interface CheckReport {
  readonly violations: number;
  readonly rules: readonly RuleReport[];
  readonly operations: number;
  /** Those that could not be kept for want of room. */
  readonly dropped: number;
  /** Keys that were served, by more than one shard after the other, with a watch. */
  readonly keys: number;
  readonly keysMoved: number;
  readonly keysWatched: number;
  readonly writes: number;
  readonly streams: number;
  readonly events: number;
}

/**
 * What arrives on two connections may be read in another order than it was sent in: nothing is called a fault that could be
 * that, unless this program did not get to run for that long.
 */
const GRACE_MS = 1000;
/**
 * A shard that serves a key again within so short a time had not lost it, and a shard that served it in between did so
 * beside it. Two changes of topology, forth and back, have to be further apart.
 */
const OWNED_WITHIN_MS = 2000;
const MAX_EXAMPLES = 10;

/** How a violation is described to people. */
export interface ViolationNames {
  /** A key's name, by its place. */
  readonly nameOf: (place: number) => string;
  /** When the counting began: times are given from then. */
  readonly zeroMs: number;
}

/** Judges what clients saw. */
export function check(history: History, names: ViolationNames): CheckReport {
  const operations = Map.groupBy(history.operations, ({ place }) => place);
  const streams = Map.groupBy(history.streams, ({ place }) => place);
  const rules = [
    judged('one shard at a time', oneShardAtATime(operations, streams), names),
    judged('revisions grow', revisionsGrow(operations, streams), names),
    judged('watches miss nothing', watchesMissNothing(operations, history.streams), names),
  ];
  return {
    violations: rules.reduce((sum, { violations }) => sum + violations, 0),
    rules,
    operations: history.operations.length,
    dropped: history.dropped,
    keys: operations.size,
    keysMoved: [...operations.values()].filter((ofKey) => new Set(ofKey.map(({ shard }) => shard)).size > 1).length,
    keysWatched: streams.size,
    writes: history.operations.filter(({ writes, revision }) => writes && revision !== null).length,
    streams: history.streams.length,
    events: history.streams.reduce((sum, { revisions }) => sum + revisions.length, 0),
  };
}

interface Violation {
  readonly place: number;
  /** What was hurt: the key, or a client that watched it. */
  readonly affected: string;
  /** The text for people, made only where it is shown. */
  readonly what: (at: (ms: number) => string) => string;
}

function judged(rule: Rule, violations: Iterable<Violation>, { nameOf, zeroMs }: ViolationNames): RuleReport {
  const at = (ms: number): string => `${((ms - zeroMs) / 1000).toFixed(3)} s`;
  const affected = new Set<string>();
  const examples: string[] = [];
  let all = 0;
  for (const { place, affected: who, what } of violations) {
    all++;
    // One of each: a key that is served twice is so at every call.
    if (!affected.has(who) && examples.length < MAX_EXAMPLES) examples.push(`${nameOf(place)}: ${what(at)}`);
    affected.add(who);
  }
  return { rule, violations: all, affected: affected.size, examples };
}

type ByKey<Item> = ReadonlyMap<number, readonly Item[]>;

function* oneShardAtATime(operations: ByKey<Operation>, streams: ByKey<WatchStream>): Generator<Violation> {
  for (const [place, ofKey] of operations) {
    yield* servedInBetween(place, ofKey);
    for (const stream of streams.get(place) ?? [])
      for (const { shard, beginMs, endMs } of ofKey) {
        if (shard === stream.shard || beginMs < stream.openedMs || endMs + GRACE_MS > stream.endedMs) continue;
        yield {
          place,
          affected: String(place),
          what: (at) =>
            `${shard} served it at ${at(endMs)}, while a watch was open on ${stream.shard} from ${at(stream.openedMs)} to ${at(stream.endedMs)}`,
        };
      }
  }
  for (const [place, ofKey] of streams) yield* watchedTwice(place, ofKey);
}

/** One shard, another, and the first again, one after the other. */
function* servedInBetween(place: number, served: readonly Operation[]): Generator<Violation> {
  const lastOf = new Map<string, Operation>();
  for (const operation of [...served].sort((a, b) => a.beginMs - b.beginMs)) {
    const before = lastOf.get(operation.shard);
    if (before !== undefined && operation.beginMs - before.endMs < OWNED_WITHIN_MS)
      for (const [shard, other] of lastOf) {
        if (shard === operation.shard || other.beginMs < before.endMs || other.endMs > operation.beginMs) continue;
        yield {
          place,
          affected: String(place),
          what: (at) =>
            `served by ${before.shard} at ${at(before.endMs)}, ${shard} at ${at(other.endMs)}, ${before.shard} at ${at(operation.beginMs)}`,
        };
      }
    lastOf.set(operation.shard, operation);
  }
}

function* watchedTwice(place: number, streams: readonly WatchStream[]): Generator<Violation> {
  const open: WatchStream[] = [];
  for (const stream of [...streams].sort((a, b) => a.openedMs - b.openedMs)) {
    for (const other of open) {
      if (other.shard === stream.shard) continue;
      const overlapMs = Math.min(other.endedMs, stream.endedMs) - stream.openedMs;
      if (overlapMs <= GRACE_MS) continue;
      yield {
        place,
        affected: String(place),
        what: (at) =>
          `watches were open on ${other.shard} and on ${stream.shard} for ${(overlapMs / 1000).toFixed(3)} s, from ${at(stream.openedMs)} on`,
      };
    }
    open.push(stream);
  }
}

function* revisionsGrow(operations: ByKey<Operation>, streams: ByKey<WatchStream>): Generator<Violation> {
  for (const [place, ofKey] of operations) {
    const known = ofKey.filter(({ revision }) => revision !== null);
    const byEnd = [...known].sort((a, b) => a.endMs - b.endMs);
    let ended = 0;
    let newest = 0;
    for (const { beginMs, revision, writes, shard } of [...known].sort((a, b) => a.beginMs - b.beginMs)) {
      for (; ended < byEnd.length && (byEnd[ended] as Operation).endMs < beginMs; ended++)
        newest = Math.max(newest, (byEnd[ended] as Operation).revision as number);
      const isBehind = writes ? (revision as number) <= newest : (revision as number) < newest;
      if (!isBehind || (newest === 0 && revision === 0)) continue;
      const answered = newest;
      yield {
        place,
        affected: String(place),
        what: (at) =>
          `${shard} answered with revision ${revision} at ${at(beginMs)}, after ${answered} had been answered`,
      };
    }
  }
  for (const [place, ofKey] of streams)
    for (const { revisions, shard, client } of ofKey)
      for (let i = 1; i < revisions.length; i++) {
        const [before, revision] = [revisions[i - 1] as number, revisions[i] as number];
        if (revision > before) continue;
        yield {
          place,
          affected: `${client}`,
          what: () => `a watch on ${shard} reported revision ${revision} after ${before}`,
        };
      }
}

function* watchesMissNothing(operations: ByKey<Operation>, all: readonly WatchStream[]): Generator<Violation> {
  for (const [client, streams] of Map.groupBy(all, (stream) => stream.client)) {
    const [first] = streams;
    if (first?.revisions[0] === undefined) continue;
    const seen = new Set(streams.flatMap(({ revisions }) => revisions));
    // A stream that begins with the whole stands for all that led to it.
    const covered = Math.max(...streams.map(({ isResumed, revisions }) => (isResumed ? 0 : (revisions[0] ?? 0))));
    const last = streams.at(-1) as WatchStream;
    for (const { revision: written, writes, endMs, shard } of operations.get(first.place) ?? []) {
      if (!writes || written === null || written <= covered) continue;
      if (seen.has(written) || endMs + GRACE_MS > last.endedMs) continue;
      yield {
        place: first.place,
        affected: String(client),
        what: (at) =>
          `${shard} answered with revision ${written} at ${at(endMs)}, and a watch on ${last.shard}, open until ${at(last.endedMs)}, did not report it`,
      };
    }
  }
}

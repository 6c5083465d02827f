import type { History } from './history.ts';
import {
  Excuses,
  excusedShare,
  failedUndisturbed,
  littleIsExcused,
  plannedChangesFailNothing,
} from './rules/disturbed.ts';
import { begunElsewhere, ownership } from './rules/ownership.ts';
import { values } from './rules/values.ts';
import type { Violation } from './rules/violation.ts';
import { unmovedStreamsLiveOn, watchersSeeEverything } from './rules/watches.ts';

/** What was looked at: a check that had nothing to look at has shown nothing. */
export interface Counts {
  readonly operations: number;
  readonly puts: number;
  readonly gets: number;
  readonly failed: number;
  readonly failedUndisturbed: number;
  /** Of all calls, in hundredths, those that a fault could have excused. */
  readonly excusedPercent: number;
  readonly watchers: number;
  readonly streams: number;
  readonly events: number;
  readonly versions: number;
  readonly changes: number;
  readonly movedStreams: number;
  readonly disturbances: number;
  /** Keys that were served by more than one shard, one after the other. */
  readonly keysHandedOver: number;
  /** See `begunElsewhere`. */
  readonly begunElsewhere: number;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

/**
 * Judges a run by what shards and clients wrote down. Times of one machine, so that all can be compared. Whether the calls
 * are linearizable is judged beside it (`linearizability/`), for which Go is needed.
 */
export function check(history: History): Judgement {
  const excuses = new Excuses(history);
  const violations: Violation[] = [
    ...ownership(history),
    ...values(history),
    ...watchersSeeEverything(history),
    ...plannedChangesFailNothing(history, excuses),
    ...unmovedStreamsLiveOn(history, excuses),
    ...littleIsExcused(history, excuses),
  ];
  return { violations, counts: countsOf(history, excuses) };
}

function countsOf(history: History, excuses: Excuses): Counts {
  const { operations, calls, watches, versions, changes, disturbances } = history;
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
    failedUndisturbed: [...failedUndisturbed(calls, excuses)].length,
    excusedPercent: Math.round(100 * excusedShare(calls, excuses)),
    watchers: watches.length,
    streams: streams.length,
    events: watches.reduce((sum, { seen }) => sum + seen.length, 0),
    versions: versions.length,
    changes: changes.filter(({ done }) => done).length,
    movedStreams: streams.filter(({ reason }) => reason.includes('move')).length,
    disturbances: disturbances.length,
    keysHandedOver: handedOver.length,
    begunElsewhere: begunElsewhere(history),
  };
}

import { Outcome, type StatusKind, type TrafficCounters } from '../../../src/proxy/core/counters.ts';

/** What a shard answers, by whether more follows. */
export const echoAnswers: StatusKind = {
  metric: 'echo_answers',
  help: 'Lines that shards answered.',
  label: 'kind',
  names: ['line', 'event'],
  always: ['line'],
};

/** Counts a line that a shard answered. @param isLast its request is over */
export function countAnswer(counters: TrafficCounters, isLast: boolean): void {
  const counts = counters.statuses[echoAnswers.metric];
  const at = isLast ? 0 : 1;
  if (counts?.[at] !== undefined) counts[at]++;
  if (isLast) counters.countOutcome(Outcome.Ok);
}

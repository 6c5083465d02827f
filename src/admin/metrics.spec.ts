import { expect, it } from 'vitest';
import { RouterCounters, type StatusKind, snapshotOf } from '../proxy/index.ts';
import { renderMetrics, sumCounters } from './metrics.ts';

const classes: StatusKind = {
  metric: 'responses',
  help: 'Responses by class.',
  label: 'class',
  names: ['2xx', '5xx'],
  always: ['2xx', '5xx'],
};
const replies: StatusKind = {
  metric: 'echo_replies',
  help: 'Replies by kind.',
  label: 'kind',
  names: ['line', 'busy', 'moved'],
  always: ['line'],
};
const families = [[classes], [replies]];

function threadWith(count: (counters: RouterCounters) => void): ReturnType<typeof snapshotOf> {
  const counters = new RouterCounters({ refusals: [], floods: [], statuses: families.flat() });
  count(counters);
  return snapshotOf(counters);
}

function add(counts: number[] | undefined, at: number): void {
  if (counts?.[at] !== undefined) counts[at]++;
}

async function lines(metric: string, threads: ReturnType<typeof snapshotOf>[]): Promise<readonly string[]> {
  const text = await renderMetrics(sumCounters(threads), null, null, families);
  return text.split('\n').filter((line) => line.startsWith(`${metric}{`));
}

it('reports the statuses of each family in its own words, where it has answered', async () => {
  const threads = [1, 2].map(() =>
    threadWith((counters) => {
      add(counters.route('pages').statuses.responses, 0);
      add(counters.route('echoes').statuses.echo_replies, 2);
      counters.route('quiet');
    }),
  );
  expect(await lines('keyway_responses_total', threads)).toEqual([
    'keyway_responses_total{route="pages",class="2xx"} 2',
    'keyway_responses_total{route="pages",class="5xx"} 0',
    'keyway_responses_total{route="quiet",class="2xx"} 0',
    'keyway_responses_total{route="quiet",class="5xx"} 0',
  ]);
  expect(await lines('keyway_echo_replies_total', threads)).toEqual([
    'keyway_echo_replies_total{route="echoes",kind="line"} 0',
    'keyway_echo_replies_total{route="echoes",kind="moved"} 2',
    'keyway_echo_replies_total{route="quiet",kind="line"} 0',
  ]);
});

it('reports how requests ended in the same words for all families', async () => {
  const thread = threadWith((counters) => counters.shard('docs', 's0').countEnd(2, 0, 1));
  expect(await lines('keyway_shard_outcomes_total', [thread])).toEqual([
    'keyway_shard_outcomes_total{cluster="docs",shard="s0",outcome="ok"} 0',
    'keyway_shard_outcomes_total{cluster="docs",shard="s0",outcome="client_error"} 0',
    'keyway_shard_outcomes_total{cluster="docs",shard="s0",outcome="server_error"} 1',
  ]);
});

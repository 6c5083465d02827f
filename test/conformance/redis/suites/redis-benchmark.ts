import { runToEnd } from '../../../support/tools.ts';
import type { Outcome, Outcomes } from '../outcomes.ts';
import type { Suite } from '../suite.ts';

/** Each of its tests is a row; one that gets an error, or no answer, ends it. */
const LINE = /^"([^"]+)","([\d.]+)"/gm;

function outcomesOf(printed: string): Outcomes {
  const rows = [...printed.matchAll(LINE)].map(([, name = '', rate = '']): [string, Outcome] => [
    name.replace(/ \(.*\)$/, ''),
    { result: Number(rate) > 0 ? 'passed' : 'failed', message: rate },
  ]);
  const said = printed.split('\n').filter((line) => /error|ERR|WARNING|MOVED/i.test(line) && !line.startsWith('"'));
  const all: Outcome = { result: said.length === 0 ? 'passed' : 'failed', message: said.join(' ').slice(0, 300) };
  return new Map([...rows, ['nothing else is said', all]]);
}

const suite = (name: string, options: string, matchups: Suite['matchups']): Suite => ({
  name,
  matchups,
  needs: ['redis'],
  prepare: async () => {},
  run: async ({ port }) =>
    outcomesOf(await runToEnd('redis-benchmark', ['-p', String(port), '--csv', ...options.split(' ')])),
});

/** All of its tests, with pipelines; as a client of a cluster without those that it has for one server only. */
export const redisBenchmark: readonly Suite[] = [
  suite('redis-benchmark -P 16 -r 1000', '-n 2000 -c 20 -P 16 -r 1000', [
    { direct: 'a server', through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'] },
  ]),
  suite('redis-benchmark --cluster', '--cluster -n 2000 -c 20 -P 4 -r 1000 -t set,get,incr,lpush,sadd,hset,zadd', [
    { direct: 'a cluster', through: ['direct, a cluster', 'routers, a cluster'] },
  ]),
];

import { expect, it } from 'vitest';
import { Recorder } from '../record/index.ts';
import { parseFailConditions } from './limits.ts';
import { loadReport } from './report.ts';

const recorder = new Recorder(['c'], 97);
for (let i = 1; i <= 100; i++)
  recorder.record({
    call: 0,
    place: i,
    dueMs: i * 100,
    latencyMs: i,
    status: i > 98 ? '503' : '200',
    isError: i > 98,
    shard: i > 60 ? 's1' : 's0',
  });
const report = loadReport({
  target: 't',
  call: 'c',
  pattern: 'p',
  watches: null,
  marks: [],
  check: null,
  recorder,
  countedMs: 10_000,
  pauseMs: 97,
});
const faults = (text: string): Array<string | null> => parseFailConditions(text).map((each) => each.fault(report));

it('reports quantiles, shares and imbalance', () => {
  expect(report).toMatchObject({
    requests: 100,
    errors: 2,
    perSecond: 10,
    statuses: { 200: 98, 503: 2 },
    shards: { s0: 60, s1: 40 },
    imbalance: 1.2,
  });
  expect(report.latencyMs.p50).toBeCloseTo(50, 0);
  expect(report.latencyMs.p99).toBeCloseTo(99, 0);
  expect(report.latencyMs.max).toBeCloseTo(100, 0);
});

it('finds which conditions a run does not meet', () => {
  expect(faults('p99>20ms')).toEqual(['p99>20ms: it is 99.007ms']);
  expect(faults('p99 > 1s, errors>2 ,rate<9')).toEqual([null, null, null]);
  expect(faults('errors>1,rate<11,p50>49000us')[0]).toBe('errors>1: it is 2');
  expect(faults('errors>1,rate<11')[1]).toBe('rate<11: it is 10');
});

it('says what is not a condition', () => {
  for (const wrong of ['p98>1ms', 'p99>20', 'errors>1ms', 'p99=1ms', ''])
    expect(() => parseFailConditions(wrong)).toThrow('is not a condition; write one such as');
});

import { expect, it } from 'vitest';
import { Recorder } from '../record/index.ts';
import { compareReports, parseReport } from './compare.ts';
import { loadReport } from './report.ts';

function reportOf(latencyMs: number, requests: number): string {
  const recorder = new Recorder(['get'], 100);
  for (let i = 0; i < requests; i++)
    recorder.record({ call: 0, place: 0, dueMs: i, latencyMs, status: '200', isError: false, shard: 's0' });
  const what = { target: 't', call: 'get', pattern: 'p', watches: null, marks: [], check: null };
  return JSON.stringify(loadReport({ ...what, recorder, countedMs: 1000, pauseMs: 100 }));
}

it('puts two runs side by side with ratios', () => {
  const rows = compareReports(parseReport(reportOf(10, 100), 'a'), parseReport(reportOf(20, 50), 'b'));
  const row = (name: string) => rows.find(({ figure }) => figure === name);
  expect(row('requests')).toEqual({ figure: 'requests', one: 100, other: 50, ratio: 0.5 });
  expect(row('p50, ms')?.ratio).toBeCloseTo(2, 1);
  expect(row('errors')).toEqual({ figure: 'errors', one: 0, other: 0, ratio: null });
  expect(row('watches at most')).toBe(undefined);
});

it('says what is not a report', () => {
  expect(() => parseReport('{', 'a.json')).toThrow(/^a\.json is not JSON: /);
  expect(() => parseReport('{"format": 2}', 'a.json')).toThrow(
    'a.json is not a report of keyway load --json: format is not valid',
  );
});

import { expect, it } from 'vitest';
import { liveText } from './live.ts';

it('shows rate, latency, errors, shards, watches and marks in the width that there is', () => {
  const second = {
    second: 1,
    requests: 100,
    errors: 1,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    maxMs: 4,
    watches: 5,
    shards: {},
  };
  const state = {
    target: '127.0.0.1:8080',
    call: 'get',
    pattern: '100 requests a second, even',
    latencyMs: { p50: 1, p90: 1.5, p99: 2, p999: 3, max: 4, mean: 1 },
    statuses: { OK: 198, UNAVAILABLE: 2 },
    shards: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`s${i}`, 20])),
    series: [second, { ...second, second: 2, requests: 50, errors: 1 }],
    marks: [{ atMs: 1500, text: 'keyway shard remove s3' }],
    elapsedMs: 2000,
    durationMs: 10_000,
    openWatches: 5,
  };
  const lines = liveText(state, 120);
  const text = lines.join('\n');
  expect(text).toContain('2 of 10 s');
  expect(text).toMatch(/rate +50\/s +█▅/);
  expect(text).toMatch(/last second p50 1\.00 ms, p99 2\.00 ms, p99\.9 3\.00 ms/);
  expect(text).toMatch(/errors +1\/s, 2 in all/);
  expect(text).toMatch(/status +OK +198 +99\.0% +█+/);
  expect(text).toMatch(/2 others +40 +20\.0%/);
  expect(text).toMatch(/watches +5 open/);
  expect(text).toMatch(/marks +1\.5 s {2}keyway shard remove s3/);
  expect(liveText(state, 20).every((line) => [...line].length <= 20)).toBe(true);
});

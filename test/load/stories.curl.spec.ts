/** The stories of docs/load.md, by the scripts that a reader runs, with small numbers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { LoadReport } from '../../src/load/index.ts';
import { Scope } from '../support/processes.ts';
import { runStory } from './stories.ts';

// A story takes most of a minute where nothing else goes on.
vi.setConfig({ testTimeout: 180_000 });

const scope = new Scope();
afterEach(() => scope.release());

/** What holds in each of them: keys move, and nobody has anything to complain of. */
function expectNothingLost({ report, code, output }: { report: LoadReport; code: unknown; output: string }): void {
  expect(code, output).toBe(0);
  expect(report.errors).toBe(0);
  expect(report.check).toMatchObject({ violations: 0, dropped: 0 });
  expect(report.check?.keysMoved).toBeGreaterThan(0);
  expect(report.check?.events).toBeGreaterThan(0);
  expect(report.watches?.reattached).toBeGreaterThan(0);
  expect(report.watches).toMatchObject({ open: 30, mostOpen: 30, detached: 0, unanswered: 0 });
  // Exactly those whose keys moved have lost their streams, and come back.
  expect(Object.values(report.watches?.ended ?? {})).toEqual([report.watches?.reattached]);
}

it('a shard joins: its part of the keys moves to it, and the watches of these come back', async () => {
  const story = await runStory(scope, 'join', { SHARDS: 3 });
  expectNothingLost(story);
  expect(story.report.marks.map(({ text }) => text)).toEqual([
    expect.stringMatching(/shard add s3/),
    'default/docs is at version 2',
    expect.stringMatching(/shard add s3 .*: done after/),
  ]);
  expect(story.report.shards.s3).toBeGreaterThan(0);
});

it('a shard leaves, and can be stopped once its keys have gone to the others', async () => {
  const story = await runStory(scope, 'leave', { SHARDS: 3 });
  expectNothingLost(story);
  const done = story.report.marks.find(({ text }) => text.includes('done after'))?.atMs ?? Number.NaN;
  const after = story.report.series.filter(({ second }) => (second - 1) * 1000 > done);
  expect(after.length).toBeGreaterThan(0);
  expect(after.flatMap(({ shards }) => Object.keys(shards))).not.toContain('s2');
});

it('every shard is restarted in turn', async () => {
  const story = await runStory(scope, 'rolling-restart', { SHARDS: 2 });
  expectNothingLost(story);
  const versions = story.report.marks.filter(({ text }) => /is at version/.test(text));
  expect(versions.length).toBe(4);
  // What is written beside the report says the same.
  const csv = readFileSync(join(story.out, 'rolling-restart.csv'), 'utf8').trim().split('\n');
  expect(csv[0]).toBe('second,requests,errors,p50_ms,p99_ms,p999_ms,max_ms,watches,s0,s1');
  expect(csv.length - 1).toBe(story.report.series.length);
  expect(readFileSync(join(story.out, 'rolling-restart.html'), 'utf8')).toContain('<!doctype html>');
});

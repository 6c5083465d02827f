import { expect, it } from 'vitest';
import { check, type Rule } from './check.ts';
import type { History, Operation, WatchStream } from './history.ts';

const KEY = 7;
const TELLING = { nameOf: () => 'project/document', zeroMs: 100 };

function operation(shard: string, beginMs: number, revision: number | null, writes = false): Operation {
  return { place: KEY, shard, beginMs, endMs: beginMs + 5, revision, writes };
}

const put = (shard: string, beginMs: number, revision: number): Operation => operation(shard, beginMs, revision, true);

function stream(
  shard: string,
  [openedMs, endedMs]: readonly [number, number],
  revisions: number[],
  client = 0,
): WatchStream {
  return { client, place: KEY, shard, openedMs, endedMs, isResumed: false, revisions };
}

function violations(history: Partial<History>): Partial<Record<Rule, number>> {
  const { rules } = check({ operations: [], streams: [], dropped: 0, ...history }, TELLING);
  return Object.fromEntries(rules.flatMap((each) => (each.violations === 0 ? [] : [[each.rule, each.violations]])));
}

it('finds nothing where a key goes from one shard to another, and back later', () => {
  const operations = [put('s0', 0, 1), put('s0', 1000, 2), put('s1', 2000, 3), put('s1', 9000, 4), put('s0', 9100, 5)];
  const streams = [
    stream('s0', [0, 1900], [1, 2]),
    stream('s1', [1950, 9020], [2, 3, 4]),
    stream('s0', [9050, 20_000], [4, 5], 1),
  ];
  expect(violations({ operations, streams })).toEqual({});
  const report = check({ operations, streams, dropped: 0 }, TELLING);
  expect(report).toMatchObject({ keys: 1, keysMoved: 1, keysWatched: 1, operations: 5, writes: 5, events: 7 });
});

it('finds a call that another shard served while a watch was open on the first', () => {
  const streams = [stream('s0', [0, 10_000], [1, 2])];
  expect(violations({ operations: [put('s1', 5000, 2)], streams })).toEqual({ 'one shard at a time': 1 });
  // What ends at about the same time may have come in another order.
  expect(violations({ operations: [put('s1', 9500, 2)], streams })).toEqual({});
  const { rules } = check({ operations: [put('s1', 5000, 2)], streams, dropped: 0 }, TELLING);
  expect(rules[0]?.examples).toEqual([
    'project/document: s1 served it at 4.905 s, while a watch was open on s0 from -0.100 s to 9.900 s',
  ]);
});

it('finds two shards that serve a key in turns, and two watches of it on two of them', () => {
  const turns = [put('s0', 0, 1), put('s1', 100, 2), put('s0', 200, 3)];
  expect(violations({ operations: turns })).toEqual({ 'one shard at a time': 1 });
  const streams = [stream('s0', [0, 10_000], [1]), stream('s1', [5000, 10_000], [1], 1)];
  expect(violations({ streams })).toEqual({ 'one shard at a time': 1 });
  expect(violations({ streams: [stream('s0', [0, 5500], [1]), stream('s1', [5000, 10_000], [1], 1)] })).toEqual({});
});

it('finds revisions that do not grow, of calls one after the other and of a watch', () => {
  const rule = { 'revisions grow': 1 };
  expect(violations({ operations: [put('s0', 0, 5), put('s0', 100, 5)] })).toEqual(rule);
  expect(violations({ operations: [put('s0', 0, 5), operation('s0', 100, 4)] })).toEqual(rule);
  expect(violations({ operations: [put('s0', 0, 5), operation('s0', 100, 5)] })).toEqual({});
  // Two at once have no order.
  expect(violations({ operations: [put('s0', 0, 5), put('s0', 2, 4)] })).toEqual({});
  expect(violations({ operations: [operation('s0', 0, null), operation('s0', 100, 0)] })).toEqual({});
  expect(violations({ streams: [stream('s0', [0, 1000], [3, 5, 4])] })).toEqual(rule);
});

it('finds a write that a watch missed, and takes a whole document for all the changes that led to it', () => {
  const operations = [put('s0', 100, 2), put('s0', 200, 3)];
  expect(violations({ operations, streams: [stream('s0', [0, 5000], [1, 2, 3])] })).toEqual({});
  expect(violations({ operations, streams: [stream('s0', [0, 5000], [1, 3])] })).toEqual({ 'watches miss nothing': 1 });
  // Its stream was lost, and the next one began with the whole.
  const back = [stream('s0', [0, 150], [1]), stream('s0', [250, 5000], [3])];
  expect(violations({ operations, streams: back })).toEqual({});
  // It went on behind the last that it knew, and should have received both.
  const resumed = back.map((each, i) => ({ ...each, isResumed: i > 0 }));
  expect(violations({ operations, streams: resumed })).toEqual({ 'watches miss nothing': 1 });
  // What was answered just before the end may not have come.
  expect(violations({ operations: [put('s0', 4500, 2)], streams: [stream('s0', [0, 5000], [1])] })).toEqual({});
});

import { expect, it } from 'vitest';
import {
  checkHousekeeping,
  type HousekeepingHistory,
  type LoggedRunOfShard,
  type LoggedWrite,
  parseHousekeeping,
} from './checker.ts';

const TIMES = { everyMs: 1000, jitter: 0.1, leaseMs: 500, slackMs: 100 };

const run = (begin: number, more: Partial<LoggedRunOfShard> = {}): LoggedRunOfShard => ({
  shard: 's0',
  pid: 1,
  task: 'sweep',
  unit: 'project/p',
  token: 1,
  begin,
  end: begin + 50,
  done: true,
  ...more,
});

/** Every second, by one shard and then by another. */
const good: HousekeepingHistory = {
  runs: [run(0), run(1000), run(2000, { shard: 's1', pid: 2, token: 5 }), run(3000, { shard: 's1', pid: 2, token: 5 })],
  writes: [0, 1000, 2000, 3000].map((at) => ({
    pid: at < 2000 ? 1 : 2,
    task: 'sweep',
    unit: 'project/p',
    token: at < 2000 ? 1 : 5,
    at: at + 10,
  })),
  stops: [],
  disturbances: [],
  faults: [],
  due: [{ task: 'sweep', unit: 'project/p', since: 0 }],
  end: 3500,
};

const rules = (history: Partial<HousekeepingHistory>): string[] =>
  checkHousekeeping({ ...good, ...history }, TIMES).violations.map(({ rule }) => rule);

it('finds nothing where nothing is wrong, and says what it has looked at', () => {
  const { violations, counts } = checkHousekeeping(good, TIMES);
  expect(violations).toEqual([]);
  expect(counts).toMatchObject({ runs: 4, done: 4, writes: 4, unitsAndTasks: 1, handedOver: 1, tokens: 2 });
});

it('sees two runs at once, on two shards or on one', () => {
  const slow = run(1000, { end: 2020 });
  expect(rules({ runs: [run(0), slow, ...good.runs.slice(2)] })).toContain('two at once');
  expect(rules({ runs: [...good.runs, run(3020, { shard: 's1', pid: 2, token: 5, done: false })] })).toEqual([
    'two at once',
  ]);
});

it('sees a short run within a long one', () => {
  const long = run(0, { end: 2500, done: false });
  expect(rules({ runs: [long, ...good.runs.slice(1)] })).toContain('two at once');
});

it('considers a run over when its process was stopped for good, unless it wrote afterwards', () => {
  const stopped = run(1000, { end: 2600, done: false });
  const runs = [run(0), stopped, ...good.runs.slice(2)];
  const stops = [{ pid: 1, begin: 1020, end: 2590 }];
  const faults = stops;
  expect(rules({ runs, stops, faults })).toEqual([]);
  const late = { pid: 1, task: 'sweep', unit: 'project/p', token: 1, at: 2595 };
  expect(rules({ runs, stops, faults, writes: [...good.writes, late] }).sort()).toEqual(['old token', 'two at once']);
});

it('takes a run that begins for one that waits until the store knows its claim', () => {
  const old = run(1600, { end: 2015, done: false });
  const runs = [...good.runs, old];
  const [first, second, third, fourth] = good.writes as [LoggedWrite, LoggedWrite, LoggedWrite, LoggedWrite];
  expect(rules({ runs, writes: [first, second, { ...third, at: 2020 }, fourth] })).toEqual([]);
  expect(rules({ runs, writes: [first, second, { ...third, at: 2012 }, fourth] })).toEqual(['two at once']);
});

it('sees a write with an old token', () => {
  const late = { pid: 1, task: 'other', unit: 'project/p', token: 1, at: 2500 };
  expect(rules({ writes: [...good.writes, late] })).toEqual(['old token']);
  expect(rules({ writes: [...good.writes, { ...late, unit: 'project/q' }] })).toEqual([]);
});

it('sees what was not done for longer than an interval and a lease, faults apart', () => {
  expect(rules({ runs: [run(0), run(2000), run(3000)] })).toEqual(['forgotten']);
  expect(rules({ runs: [run(0), run(2000), run(3000)], faults: [{ begin: 1000, end: 1500 }] })).toEqual([]);
  const late = { runs: [run(0), run(2100), run(3000)], faults: [{ begin: 1000, end: 1400 }] };
  expect(rules({ ...late, stops: [{ pid: 2, begin: 1100, end: 1300 }] })).toEqual(['forgotten']);
  expect(rules({ ...late, stops: [{ pid: 2, begin: 1100, end: 1900 }] })).toEqual([]);
  expect(rules({ end: 5000 })).toEqual(['forgotten']);
  expect(rules({ due: [...good.due, { task: 'sweep', unit: 'project/q', since: 1000 }] })).toEqual(['forgotten']);
  // What did not look at all is not done.
  expect(rules({ runs: [run(0), run(1000, { done: false }), run(2000), run(3000)] })).toEqual(['forgotten']);
});

it('sees what is done again before its time, faults apart', () => {
  const early = run(1500, { shard: 's1', pid: 2, token: 5 });
  const runs = [run(0), run(1000), early, run(2500), run(3500)];
  expect(rules({ runs, end: 3600 })).toEqual(['too often']);
  expect(rules({ runs, end: 3600, disturbances: [{ begin: 1200, end: 1300 }] })).toEqual([]);
});

it('reads what a shard wrote, and ends with its process what has no end', () => {
  const which = { task: 'sweep', unit: 'project/p', token: 3 };
  const lines = [
    { kind: 'start', at: 1, shard: 's0', pid: 7 },
    { kind: 'run', at: 2, ...which },
    { kind: 'begin', at: 2, id: 1, operation: 'get', key: 'p/d', version: 1 },
    { kind: 'write', at: 3, ...which },
    { kind: 'over', at: 4, ...which, done: true },
    { kind: 'run', at: 5, ...which },
    { kind: 'start', at: 9, shard: 's0', pid: 8 },
    { kind: 'run', at: 10, ...which },
  ];
  const text = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"kind":"ov`;
  const { runs, writes } = parseHousekeeping('s0', text, [{ pid: 7, at: 6 }], 20);
  expect(runs).toMatchObject([
    { pid: 7, begin: 2, end: 4, done: true, token: 3 },
    { pid: 7, begin: 5, end: 6, done: false },
    { pid: 8, begin: 10, end: 20, done: false },
  ]);
  expect(writes).toMatchObject([{ pid: 7, at: 3, token: 3 }]);
});

it('takes a process for stopped that has written nothing down for long, whatever it waited for', () => {
  const which = { task: 'sweep', unit: 'project/p', token: 3 };
  const lines = [
    { kind: 'start', at: 1, shard: 's0', pid: 7 },
    { kind: 'run', at: 2, ...which },
    { kind: 'over', at: 5002, ...which, done: false },
    { kind: 'run', at: 5100, ...which },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  expect(parseHousekeeping('s0', text, [], 6000).stops).toEqual([{ pid: 7, begin: 2, end: 5002 }]);
});

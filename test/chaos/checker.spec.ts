import { expect, it } from 'vitest';
import { check, type Violation } from './checker.ts';
import type { History } from './history.ts';

/** A run in which all is well: k is handed over from s0 to s1 while w is not. */
const GOOD: History = {
  operations: [
    { shard: 's0', pid: 1, operation: 'put', key: 'k', begin: 10, end: 11, served: true },
    { shard: 's0', pid: 1, operation: 'watch', key: 'k', begin: 5, end: 20, served: true },
    { shard: 's0', pid: 1, operation: 'get', key: 'k', begin: 31, end: 32, served: false },
    { shard: 's1', pid: 2, operation: 'put', key: 'k', begin: 30, end: 33, served: true },
    { shard: 's1', pid: 2, operation: 'watch', key: 'k', begin: 29, end: 100, served: true },
    { shard: 's0', pid: 1, operation: 'watch', key: 'w', begin: 5, end: 100, served: true },
  ],
  calls: [
    { client: 0, operation: 'put', key: 'k', value: 'a', begin: 9, end: 12, error: null, revision: 1 },
    { client: 1, operation: 'get', key: 'k', value: '', begin: 13, end: 14, error: null, revision: 1 },
    { client: 0, operation: 'put', key: 'k', value: 'b', begin: 25, end: 34, error: null, revision: 2 },
    { client: 1, operation: 'put', key: 'w', value: 'c', begin: 60, end: 61, error: 'UNAVAILABLE', revision: 0 },
  ],
  watches: [
    {
      client: 2,
      key: 'k',
      first: 0,
      seen: [1, 2],
      streams: [
        { begin: 5, end: 20, reason: 'the key moves' },
        { begin: 28, end: 100, reason: 'done' },
      ],
    },
    { client: 3, key: 'w', first: 0, seen: [], streams: [{ begin: 5, end: 100, reason: 'done' }] },
  ],
  changes: [{ what: 's1 joins', begin: 15, end: 27, done: true, moved: ['k'] }],
  disturbances: [{ what: 'a router is killed', begin: 55, end: 65 }],
  stops: [],
  stored: [
    { key: 'k', revision: 1, value: 'a', version: 1 },
    { key: 'k', revision: 2, value: 'b', version: 2 },
  ],
};

function rules(history: Partial<History>): string[] {
  return check({ ...GOOD, ...history }).violations.map(({ rule }: Violation) => rule);
}

it('finds nothing where all is well, and says what it looked at', () => {
  const { violations, counts } = check(GOOD);
  expect(violations).toEqual([]);
  expect(counts).toMatchObject({
    puts: 3,
    gets: 1,
    failed: 1,
    failedUndisturbed: 0,
    watchers: 2,
    streams: 3,
    events: 2,
  });
  expect(counts).toMatchObject({ changes: 1, movedStreams: 1, keysHandedOver: 1 });
});

it('finds a key that two shards serve at once, by calls and by watches', () => {
  const late = { shard: 's0', pid: 1, operation: 'get', key: 'k', begin: 29.5, end: 30.5, served: true } as const;
  expect(rules({ operations: [...GOOD.operations, late] })).toContain('two shards at once');
  const lingers = GOOD.operations.map((each) => (each.end === 20 ? { ...each, end: 40 } : each));
  expect(rules({ operations: lingers })).toContain('two shards at once');
});

it('finds an overlap behind shorter ones of the same shard', () => {
  const inside = { shard: 's0', pid: 1, operation: 'get', key: 'k', begin: 6, end: 7, served: true } as const;
  const other = { shard: 's1', pid: 2, operation: 'get', key: 'k', begin: 15, end: 16, served: true } as const;
  expect(rules({ operations: [...GOOD.operations, inside, other] })).toContain('two shards at once');
});

it('does not count the time in which a process was stopped, and what it did before', () => {
  const operations = [
    ...GOOD.operations.filter(({ end }) => end !== 20),
    { shard: 's0', pid: 1, operation: 'watch', key: 'k', begin: 5, end: 51, served: true } as const,
  ];
  expect(rules({ operations })).toContain('two shards at once');
  expect(rules({ operations, stops: [{ pid: 1, begin: 20, end: 50 }] })).toEqual([]);
  expect(rules({ operations, stops: [{ pid: 2, begin: 20, end: 50 }] })).toContain('two shards at once');
});

it('finds a revision that is used twice, and one that is smaller than one acknowledged before', () => {
  const put = { client: 5, operation: 'put', key: 'k', value: 'b', begin: 40, end: 41, error: null } as const;
  expect(rules({ calls: [...GOOD.calls, { ...put, revision: 2 }] })).toContain('revisions grow');
  expect(rules({ calls: [...GOOD.calls, { ...put, revision: 1.5 }] })).toContain('revisions grow');
});

it('finds an acknowledged put that is gone, or has become another', () => {
  expect(rules({ stored: GOOD.stored.slice(1) })).toContain('acknowledged puts stay');
  expect(rules({ stored: GOOD.stored.map((each) => ({ ...each, value: 'x' })) })).toContain('acknowledged puts stay');
});

it('finds a read that is behind what was acknowledged before it', () => {
  const get = {
    client: 5,
    operation: 'get',
    key: 'k',
    value: '',
    begin: 40,
    end: 41,
    error: null,
    revision: 1,
  } as const;
  expect(rules({ calls: [...GOOD.calls, get] })).toEqual(['reads are current']);
});

it('finds a watcher that missed a revision, saw one twice, or in another order', () => {
  const [first, second] = GOOD.watches as [History['watches'][number], History['watches'][number]];
  for (const seen of [[1], [2], [1, 1, 2], [2, 1], [1, 2, 3]])
    expect(rules({ watches: [{ ...first, seen }, second] })).toEqual(['watchers see everything']);
});

it('finds a call that failed with nothing but planned changes going on', () => {
  expect(rules({ disturbances: [] })).toEqual(['planned changes fail nothing']);
});

it('finds a stream that ended though its key did not move', () => {
  expect(rules({ changes: [{ ...(GOOD.changes[0] as History['changes'][number]), moved: [] }] })).toEqual([
    'unmoved streams live on',
  ]);
  expect(rules({ changes: [{ ...(GOOD.changes[0] as History['changes'][number]), end: 19 }] })).toEqual([
    'unmoved streams live on',
  ]);
});

it('finds a write by an older version than the one before', () => {
  const stored = GOOD.stored.map((each) => ({ ...each, version: 3 - each.revision }));
  expect(rules({ stored })).toEqual(['versions grow']);
});

import type { Call, History, SeenChange, ShardOperation } from './history.ts';
import type { Rule } from './rules/violation.ts';

/** A history with a fault in it, and the rules that have to see it. */
export interface Planted {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly history: History;
}

type Known<Item, Fields extends keyof Item> = Pick<Item, Fields> & Partial<Item>;

export function operation(
  known: Known<ShardOperation, 'shard' | 'pid' | 'operation' | 'begin' | 'end'>,
): ShardOperation {
  return { key: 'k', served: true, version: 0, revision: 0, call: null, abandoned: false, ...known };
}

export function call(known: Known<Call, 'id' | 'operation' | 'begin' | 'end'>): Call {
  return { client: 0, router: 0, key: 'k', value: '', error: null, revision: 0, repeats: false, ...known };
}

const FIRST_PUT = operation({ shard: 's0', pid: 1, operation: 'put', begin: 10, end: 11, version: 1, revision: 1 });
const SECOND_PUT = operation({ shard: 's1', pid: 2, operation: 'put', begin: 30, end: 33, version: 2, revision: 2 });
const FIRST_WATCH = operation({ shard: 's0', pid: 1, operation: 'watch', begin: 5, end: 20, version: 1 });
const SEEN: readonly SeenChange[] = [
  { revision: 1, value: 'a' },
  { revision: 2, value: 'b' },
];

/** A run in which all is well: k is handed over from s0 to s1 while w stays; and one call of w failed for a fault. */
export const GOOD: History = {
  replay: 'npm run chaos',
  operations: [
    FIRST_PUT,
    FIRST_WATCH,
    operation({ shard: 's0', pid: 1, operation: 'get', begin: 13, end: 14, version: 1, revision: 1 }),
    operation({ shard: 's0', pid: 1, operation: 'get', begin: 31, end: 32, served: false, version: 2 }),
    SECOND_PUT,
    operation({ shard: 's1', pid: 2, operation: 'watch', begin: 29, end: 100, version: 2 }),
    operation({ shard: 's0', pid: 1, operation: 'watch', key: 'w', begin: 5, end: 100, version: 1 }),
  ],
  calls: [
    call({ id: 'a', operation: 'put', value: 'a', begin: 9, end: 12, revision: 1 }),
    call({ id: 'g', client: 1, operation: 'get', value: 'a', begin: 12.5, end: 14.5, revision: 1 }),
    call({ id: 'b', operation: 'put', value: 'b', begin: 25, end: 34, revision: 2 }),
    call({ id: 'c', client: 1, operation: 'put', key: 'w', value: 'c', begin: 60, end: 61, error: 'UNAVAILABLE' }),
    call({ id: 'g1', client: 1, operation: 'get', value: 'b', begin: 70, end: 71, revision: 2 }),
    call({ id: 'g2', client: 1, operation: 'get', value: 'b', begin: 72, end: 73, revision: 2 }),
  ],
  watches: [
    {
      client: 2,
      key: 'k',
      first: 0,
      seen: SEEN,
      streams: [
        { router: 0, begin: 5, end: 20, reason: 'the key moves' },
        { router: 0, begin: 28, end: 100, reason: 'done' },
      ],
    },
    { client: 3, key: 'w', first: 0, seen: [], streams: [{ router: 0, begin: 5, end: 100, reason: 'done' }] },
  ],
  versions: [
    { version: 1, owners: { k: 's0', w: 's0' }, addresses: {}, since: 0, seen: 1 },
    { version: 2, owners: { k: 's1', w: 's0' }, addresses: {}, since: 26, seen: 27 },
  ],
  changes: [{ what: 's1 joins', begin: 15, end: 27, done: true, moved: ['k'] }],
  disturbances: [{ what: 'router r0 is killed', begin: 55, end: 65, routers: [0], shards: null }],
  stops: [],
  cuts: [],
  plain: [],
  stored: [
    { key: 'k', revision: 1, value: 'a', version: 1 },
    { key: 'k', revision: 2, value: 'b', version: 2 },
  ],
};

function withOperations(...more: readonly ShardOperation[]): History {
  return { ...GOOD, operations: [...GOOD.operations, ...more] };
}

function withCalls(...more: readonly Call[]): History {
  return { ...GOOD, calls: [...GOOD.calls, ...more] };
}

function without(left: ShardOperation): readonly ShardOperation[] {
  return GOOD.operations.filter((each) => each !== left);
}

const [watchOfK, watchOfW] = GOOD.watches as [History['watches'][number], History['watches'][number]];

function withSeen(seen: readonly SeenChange[]): History {
  return { ...GOOD, watches: [{ ...watchOfK, seen }, watchOfW] };
}

/** k is put by a call that fails, and the store has it all the same. */
function withFailedPut(...calls: readonly Call[]): History {
  const failed = call({ id: 'f', client: 4, operation: 'put', value: 'f', begin: 56, end: 57, error: 'UNAVAILABLE' });
  return {
    ...withCalls(failed, ...calls),
    calls: [...GOOD.calls.filter(({ id }) => !id.startsWith('g')), failed, ...calls],
    stored: [...GOOD.stored, { key: 'k', revision: 3, value: 'f', version: 2 }],
    watches: [{ ...watchOfK, seen: [...SEEN, { revision: 3, value: 'f' }] }, watchOfW],
  };
}

const late = { shard: 's0', pid: 1, operation: 'get', begin: 29.5, end: 30.5, version: 1, revision: 1 } as const;
const stopOfS0 = { pid: 1, begin: 20, end: 50 };
const stopOfRouter = { pid: 9, begin: 20, end: 2050 };
const cutOfS0 = { shard: 's0', begin: 20, end: 2050 };
const readB = { client: 5, operation: 'get', value: 'b', begin: 80, end: 81, revision: 2 } as const;

/** Faults in who served what, as only shards' logs show them. */
const OF_OWNERSHIP: readonly Planted[] = [
  {
    name: 'two shards that serve a key at once',
    rules: ['two processes at once'],
    history: withOperations(operation(late)),
  },
  {
    name: 'a watch that lingers at the old owner',
    rules: ['two processes at once'],
    history: { ...GOOD, operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 40 }] },
  },
  {
    name: 'an overlap behind a shorter operation of the same shard',
    rules: ['two processes at once'],
    history: withOperations(
      operation({ shard: 's0', pid: 1, operation: 'get', begin: 6, end: 7 }),
      operation({ shard: 's1', pid: 2, operation: 'get', begin: 15, end: 16 }),
    ),
  },
  {
    name: 'two processes of one shard at once',
    rules: ['two processes at once'],
    history: withOperations(operation({ shard: 's1', pid: 3, operation: 'get', begin: 31, end: 32, version: 2 })),
  },
  {
    name: 'two processes of one shard that alternate',
    rules: ['turns follow the versions'],
    history: withOperations(
      operation({ shard: 's0', pid: 4, operation: 'get', key: 'x', begin: 40, end: 41 }),
      operation({ shard: 's0', pid: 5, operation: 'get', key: 'x', begin: 42, end: 43 }),
      operation({ shard: 's0', pid: 4, operation: 'get', key: 'x', begin: 44, end: 45 }),
    ),
  },
  {
    name: 'turns of two shards that alternate without overlapping, and tell no version',
    rules: ['turns follow the versions'],
    history: {
      ...GOOD,
      operations: [
        operation({ shard: 's0', pid: 1, operation: 'get', begin: 10, end: 11 }),
        operation({ shard: 's1', pid: 2, operation: 'get', begin: 30, end: 31 }),
        operation({ shard: 's0', pid: 1, operation: 'get', begin: 32, end: 33 }),
        operation({ shard: 's1', pid: 2, operation: 'get', begin: 34, end: 35 }),
      ],
    },
  },
  {
    name: 'a shard that serves by an older version after another one served by a newer',
    rules: ['turns follow the versions'],
    history: { ...withOperations(operation({ ...late, begin: 90, end: 91 })), versions: [] },
  },
  {
    name: 'a shard that serves a key before any version has given it to it',
    rules: ['turns follow the versions'],
    history: withOperations(operation({ shard: 's1', pid: 2, operation: 'get', begin: 22, end: 23 })),
  },
  {
    name: 'a shard that serves by a version that gives the key to another',
    rules: ['the owner by its version'],
    history: withOperations(operation({ shard: 's2', pid: 6, operation: 'get', begin: 22, end: 23, version: 1 })),
  },
  {
    name: 'a shard that was stopped in a read, and serves it late',
    rules: ['what was stopped serves late'],
    history: { ...withOperations(operation({ ...late, begin: 19, end: 51 })), stops: [stopOfS0] },
  },
  {
    name: 'a shard that was stopped in a write, and carries it out late',
    rules: ['what was stopped serves late'],
    history: {
      ...withOperations(operation({ ...late, operation: 'put', begin: 19, end: 51, revision: 3 })),
      stops: [stopOfS0],
    },
  },
  {
    name: 'a shard that takes new work after it was stopped',
    rules: ['two processes at once', 'turns follow the versions'],
    history: { ...withOperations(operation({ ...late, begin: 50.5, end: 51 })), stops: [stopOfS0] },
  },
  {
    name: 'a watch of a plain shard that goes on after its router was stopped',
    rules: ['two processes at once'],
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 4000 }],
      stops: [stopOfRouter],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a watch of a plain shard that goes on after its link was mended',
    rules: ['two processes at once'],
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 4000 }],
      cuts: [cutOfS0],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a watch of a plain shard that outlasts the cut of another one',
    rules: ['two processes at once'],
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 2051 }],
      cuts: [{ ...cutOfS0, shard: 's1' }],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a watch of a plain shard that was let go only behind its next owner, before the link was cut',
    rules: ['two processes at once'],
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 2051 }],
      cuts: [{ ...cutOfS0, begin: 1500 }],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a plain shard that is sent work that is not its own',
    rules: ['turns follow the versions'],
    history: {
      ...withOperations(operation({ ...late, begin: 40, end: 41, call: 'g1', version: 0 })),
      plain: ['s0', 's1'],
    },
  },
];

/** Faults in values and revisions, of which those that clients can see are no linearizable history either. */
const OF_VALUES: readonly Planted[] = [
  {
    name: 'a revision that is used twice',
    rules: ['revisions grow'],
    history: withCalls(call({ id: 'd', operation: 'put', value: 'b', begin: 40, end: 41, revision: 2 })),
  },
  {
    name: 'a revision that is smaller than one acknowledged before',
    rules: ['revisions grow', 'linearizable'],
    history: withCalls(call({ id: 'd', operation: 'put', value: 'd', begin: 40, end: 41, revision: 0 })),
  },
  {
    name: 'an acknowledged put that is gone',
    rules: ['acknowledged puts stay'],
    history: { ...GOOD, stored: GOOD.stored.slice(1) },
  },
  {
    name: 'an acknowledged put that is stored empty',
    rules: ['acknowledged puts stay', 'values are what was put', 'linearizable'],
    history: { ...GOOD, stored: GOOD.stored.map((each) => ({ ...each, value: '' })) },
  },
  {
    name: 'a put that is carried out twice',
    rules: ['a put is carried out once', 'linearizable'],
    history: {
      ...GOOD,
      calls: [
        ...GOOD.calls,
        call({ ...readB, id: 'h', value: 'a', revision: 3 }),
        call({ ...readB, id: 'i', begin: 82, end: 83 }),
      ],
      stored: [...GOOD.stored, { key: 'k', revision: 3, value: 'a', version: 2 }],
    },
  },
  {
    name: 'a value that nobody wrote',
    rules: ['values are what was put', 'linearizable'],
    history: withCalls(call({ ...readB, id: 'h', value: 'z', revision: 2 })),
  },
  {
    name: 'a value in the store that nobody wrote',
    rules: ['values are what was put'],
    history: { ...GOOD, stored: [...GOOD.stored, { key: 'w', revision: 3, value: 'z', version: 2 }] },
  },
  {
    name: "a wrong value: another revision's",
    rules: ['values are what was put', 'linearizable'],
    history: withCalls(call({ ...readB, id: 'h', value: 'a' })),
  },
  {
    name: 'a wrong value in an event of a watch',
    rules: ['values are what was put'],
    history: withSeen([{ revision: 1, value: 'b' }, SEEN[1] as SeenChange]),
  },
  {
    name: 'a read behind what was acknowledged before it',
    rules: ['reads are current', 'linearizable'],
    history: withCalls(call({ ...readB, id: 'h', value: 'a', revision: 1 })),
  },
  {
    name: 'reads that go backwards after a failed put',
    rules: ['reads are current', 'linearizable'],
    history: withFailedPut(
      call({ ...readB, id: 'h', value: 'f', revision: 3 }),
      call({ ...readB, id: 'i', begin: 82, end: 83 }),
    ),
  },
  {
    name: 'a read of what is put later only',
    rules: ['linearizable'],
    history: withCalls(
      call({ ...readB, id: 'h', value: 'd', begin: 80, end: 81, revision: 3 }),
      call({ id: 'd', operation: 'put', value: 'd', begin: 82, end: 83, revision: 3 }),
    ),
  },
  {
    name: 'a write by an older version than the one before',
    rules: ['versions grow'],
    history: { ...GOOD, stored: GOOD.stored.map((each) => ({ ...each, version: 3 - each.revision })) },
  },
];

const OF_WATCHES: readonly Planted[] = [
  ...[[1], [2], [1, 1, 2], [2, 1], [1, 2, 3]].map(
    (revisions): Planted => ({
      name: `a watcher that sees revisions ${revisions.join(', ')} of 1, 2`,
      rules: ['watchers see everything'],
      history: withSeen(revisions.map((revision) => SEEN[revision - 1] ?? { revision, value: '' })),
    }),
  ),
  {
    name: 'a stream that ends though its key does not move',
    rules: ['unmoved streams live on'],
    history: {
      ...GOOD,
      watches: [watchOfK, { ...watchOfW, streams: [{ router: 0, begin: 5, end: 20, reason: 'the key moves' }] }],
    },
  },
  {
    name: 'a stream that ends long before its key moves',
    rules: ['unmoved streams live on'],
    history: {
      ...GOOD,
      changes: [],
      versions: GOOD.versions.map((each) => (each.version === 1 ? each : { ...each, since: 19_000, seen: 19_001 })),
    },
  },
];

const fault = { what: 'a fault', begin: 0, end: 100, routers: null, shards: null };

const OF_FAILURES: readonly Planted[] = [
  {
    name: 'a call that fails with nothing but planned changes going on',
    rules: ['planned changes fail nothing'],
    history: { ...GOOD, disturbances: [] },
  },
  {
    name: 'a call by another router than the one that is broken',
    rules: ['planned changes fail nothing'],
    history: { ...GOOD, disturbances: GOOD.disturbances.map((each) => ({ ...each, routers: [1] })) },
  },
  {
    name: "a call to another shard's key than the one that is broken",
    rules: ['planned changes fail nothing'],
    history: { ...GOOD, disturbances: GOOD.disturbances.map((each) => ({ ...each, shards: ['s1'] })) },
  },
  {
    name: 'faults that last so long that they excuse everything',
    rules: ['little is excused'],
    history: { ...GOOD, disturbances: [fault] },
  },
];

/** Each is the good history with one thing changed. */
export const PLANTED: readonly Planted[] = [...OF_OWNERSHIP, ...OF_VALUES, ...OF_WATCHES, ...OF_FAILURES];

/** Histories that look odd, and are as they may be. */
export const INNOCENT: ReadonlyArray<Pick<Planted, 'name' | 'history'>> = [
  { name: 'all well', history: GOOD },
  {
    name: 'a stream that ends as its shard goes to another address',
    history: {
      ...GOOD,
      versions: GOOD.versions.map((each, i) => ({ ...each, addresses: { w: `10.0.0.${i}:80` } })),
      watches: [watchOfK, { ...watchOfW, streams: [{ router: 0, begin: 5, end: 25, reason: 'the key moves' }] }],
    },
  },
  {
    name: 'a failed put that takes effect, and is seen, later',
    history: withFailedPut(
      call({ ...readB, id: 'h' }),
      call({ ...readB, id: 'i', value: 'f', revision: 3, begin: 82, end: 83 }),
    ),
  },
  {
    name: 'a failed put that nobody sees',
    history: withFailedPut(
      call({ id: 'h', operation: 'get', key: 'w', begin: 80, end: 81 }),
      call({ id: 'i', operation: 'get', key: 'w', begin: 82, end: 83 }),
    ),
  },
  {
    name: 'a watch whose shard was stopped, and which ends as that looks at its clock',
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 51 }],
      stops: [stopOfS0],
    },
  },
  {
    name: 'a watch of a plain shard whose router was stopped, and cuts it as it goes on',
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 2051 }],
      stops: [stopOfRouter],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a watch of a plain shard that was cut off, and which hears of its end once the link is mended',
    history: {
      ...GOOD,
      operations: [...without(FIRST_WATCH), { ...FIRST_WATCH, end: 2051 }],
      cuts: [cutOfS0],
      plain: ['s0', 's1'],
    },
  },
  {
    name: 'a write that was done before its shard was stopped, and told of after',
    history: {
      ...GOOD,
      operations: [...without(FIRST_PUT), { ...FIRST_PUT, end: 51 }, operation({ ...late, begin: 12, end: 13 })].filter(
        (each) => each !== FIRST_WATCH,
      ),
      stops: [{ pid: 1, begin: 14, end: 50 }],
    },
  },
  {
    name: 'a put that is carried out twice on a route that may repeat it',
    history: {
      ...GOOD,
      calls: [
        ...GOOD.calls.map((each) => (each.id === 'b' ? { ...each, repeats: true } : each)),
        call({ ...readB, id: 'h', revision: 3 }),
      ],
      stored: [...GOOD.stored, { key: 'k', revision: 3, value: 'b', version: 2 }],
      watches: [{ ...watchOfK, seen: [...SEEN, { revision: 3, value: 'b' }] }, watchOfW],
    },
  },
  {
    name: 'a plain shard that carries out late what its client has given up',
    history: {
      ...withOperations(operation({ ...late, operation: 'put', begin: 70, end: 71, call: 'c' })),
      plain: ['s0', 's1'],
    },
  },
];

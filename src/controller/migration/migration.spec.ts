import { expect, it } from 'vitest';
import {
  changed,
  directed,
  EMPTY_QUEUE,
  goesOn,
  isOver,
  type Migration,
  type MigrationQueue,
  MigrationRefused,
  onTheirWay,
  openSettled,
  queued,
  runnable,
  slotsStored,
  type WantedMove,
} from './migration.ts';

const move = (from: string, to: string, ...slots: Array<readonly [number, number]>): WantedMove => ({
  from,
  to,
  slots,
  withData: true,
  keysPerSecond: null,
});
const idsOf = (queue: MigrationQueue): number[] => runnable(queue).map(({ id }) => id);

it('moves slots of one pair of shards one after the other, and of shards that have nothing to do with them beside', () => {
  const queue = queued(EMPTY_QUEUE, [move('a', 'b', [0, 9]), move('a', 'c', [10, 19]), move('d', 'c', [20, 29])]);
  expect(idsOf(queue)).toEqual([1, 3]);
  expect(idsOf(directed(queue, 'pause', 1))).toEqual([2]);
});

it('takes no slot twice', () => {
  const queue = queued(EMPTY_QUEUE, [move('a', 'b', [0, 9])]);
  expect(() => queued(queue, [move('a', 'c', [9, 12])])).toThrow('slot 9 is in migration 1 already');
  const over = changed(queue, 1, (each) => ({ ...each, state: 'cancelled' }));
  expect(queued(over, [move('a', 'c', [9, 12])]).migrations).toHaveLength(2);
});

it('has no node join twice at once', () => {
  const join = (shard: string, ...addresses: string[]) =>
    ({ kind: 'join', shard, nodes: addresses.map((address) => ({ address })) }) as const;
  const queue = queued(EMPTY_QUEUE, [], [join('s3', 'd:1', 'e:1')]);
  expect(() => queued(queue, [], [join('s4', 'f:1', 'e:1')])).toThrow('e:1 is joining or leaving already, with s3');
  expect(queued(queue, [], [join('s4', 'f:1')]).steps).toHaveLength(2);
});

it('resumes nothing whose slots are in another migration since', () => {
  const failed = changed(queued(EMPTY_QUEUE, [move('a', 'b', [0, 9])]), 1, (each) => ({ ...each, state: 'failed' }));
  const queue = queued(failed, [move('a', 'b', [5, 9])]);
  expect(() => directed(queue, 'resume', 1)).toThrow('slot 5 is in migration 2 already');
  expect(directed(queue, 'resume', null).migrations.map(({ state }) => state)).toEqual(['failed', 'queued']);
  expect(directed(failed, 'resume', null).migrations.map(({ state }) => state)).toEqual(['queued']);
});

it('is done once the topology has what its nodes have moved', () => {
  let [one] = queued(EMPTY_QUEUE, [move('a', 'b', [0, 0], [16383, 16383])]).migrations as [Migration];
  for (const slot of [0, 16383])
    one = openSettled({ ...one, open: { moving: [], settling: [[slot, slot]], run: 'x' } });
  expect(one).toMatchObject({
    left: [],
    settled: [
      [0, 0],
      [16383, 16383],
    ],
    state: 'queued',
  });
  expect(slotsStored(one, [[0, 0]])).toMatchObject({ settled: [[16383, 16383]], state: 'queued' });
  const done = slotsStored(one, [[0, 16383]]);
  expect([done.state, isOver(done)]).toEqual(['done', true]);
});

it('completes the slots that are on their way where it is cancelled or paused', () => {
  const open = { moving: [[0, 3]], settling: [], run: 'x' } as const;
  const queue = changed(queued(EMPTY_QUEUE, [move('a', 'b', [0, 9])]), 1, (each) => ({ ...each, open }));
  const stateOf = (verb: 'cancel' | 'pause') => {
    const [one] = directed(queue, verb, null).migrations;
    return one === undefined ? [] : [one.state, goesOn(one), isOver(one)];
  };
  expect(stateOf('cancel')).toEqual(['cancelled', true, false]);
  expect(stateOf('pause')).toEqual(['paused', true, false]);
  expect(() => directed(queue, 'resume', 1)).toThrow(MigrationRefused);
  expect(() => directed(queue, 'pause', 2)).toThrow('there is no migration 2');
});

it('has a shard stay of which a migration is given up', () => {
  const leave = { kind: 'leave', shard: 'a', nodes: [] } as const;
  const join = { kind: 'join', shard: 'd', nodes: [] } as const;
  const queue = queued(
    EMPTY_QUEUE,
    [move('a', 'b', [0, 4]), move('a', 'c', [5, 9]), move('b', 'c', [20, 29])],
    [leave, join],
  );
  expect(directed(queue, 'cancel', 3).steps).toEqual([leave, join]);
  expect(directed(queue, 'pause', 1).steps).toEqual([leave, join]);
  expect(directed(queue, 'cancel', 2).steps).toEqual([join]);
  expect(directed(queue, 'cancel', null).steps).toEqual([]);
});

it('tells which slots a failover has to know of', () => {
  const queue = queued(EMPTY_QUEUE, [move('a', 'b', [3, 9])]);
  const between = changed(queue, 1, (each) => ({
    ...each,
    open: { moving: [[6, 7]], settling: [[5, 5]], run: 'x' },
    settled: [[3, 4]],
  }));
  expect(onTheirWay(between)).toEqual([
    { slot: 6, from: 'a', to: 'b', isSettling: false },
    { slot: 7, from: 'a', to: 'b', isSettling: false },
    { slot: 5, from: 'a', to: 'b', isSettling: true },
    { slot: 3, from: 'a', to: 'b', isSettling: true },
    { slot: 4, from: 'a', to: 'b', isSettling: true },
  ]);
});

it('forgets what has been over for long, and has bounds', () => {
  let queue = EMPTY_QUEUE;
  for (let i = 0; i < 100; i++) {
    queue = queued(queue, [move('a', 'b', [0, 9])]);
    queue = changed(queue, i + 1, (each) => ({ ...each, state: 'done', left: [] }));
  }
  expect([queue.migrations.length <= 17, queue.nextId]).toEqual([true, 101]);
  const many = Array.from({ length: 257 }, (_, i) => move('a', 'b', [i, i]));
  expect(() => queued(EMPTY_QUEUE, many)).toThrow('at most 256');
});

it('keeps on its way what has keys yet, where others that were opened with it have moved', () => {
  const queue = changed(queued(EMPTY_QUEUE, [move('a', 'b', [0, 9])]), 1, (each) =>
    openSettled({
      ...each,
      open: {
        moving: [[2, 2]],
        settling: [
          [0, 1],
          [3, 5],
        ],
        run: 'x',
      },
    }),
  );
  expect(queue.migrations[0]).toMatchObject({
    left: [
      [2, 2],
      [6, 9],
    ],
    settled: [
      [0, 1],
      [3, 5],
    ],
    open: { moving: [[2, 2]], settling: [], run: 'x' },
  });
});

import { expect, it } from 'vitest';
import { levelMoves } from './level-plan.ts';

const SHARDS = [
  { id: 'a', slots: [[0, 9]] as const },
  { id: 'b', slots: [[10, 19]] as const },
];
/** So much in every slot of a shard, except for some. */
const weights = (a: number, b: number, ...but: Array<[slot: number, weight: number]>): Map<number, number> =>
  new Map([...Array.from({ length: 20 }, (_, slot): [number, number] => [slot, slot < 10 ? a : b]), ...but]);
const afterOf = (...args: Parameters<typeof levelMoves>): number[] =>
  levelMoves(...args).loads.map(({ after }) => after);

it('moves nothing where all shards have about the same', () => {
  expect(levelMoves(SHARDS, weights(10, 10), 0.02).moves).toEqual([]);
  expect(levelMoves(SHARDS, weights(100, 99), 0.02).moves).toEqual([]);
  expect(levelMoves(SHARDS, weights(0, 0), 0.02).moves).toEqual([]);
});

it('moves few slots, the heaviest that fit', () => {
  const plan = levelMoves(SHARDS, weights(10, 10, [0, 50], [1, 30]), 0.02);
  expect(plan.moves).toEqual([{ from: 'a', to: 'b', slots: [[1, 1]] }]);
  expect(plan.loads).toEqual([
    { id: 'a', before: 160, after: 130 },
    { id: 'b', before: 100, after: 130 },
  ]);
});

it('gives to a shard that has nothing yet', () => {
  const [c] = levelMoves([...SHARDS, { id: 'c' }], weights(3, 3), 0).loads.slice(-1);
  expect(c).toEqual({ id: 'c', before: 0, after: 18 });
});

it('leaves a slot where it is that has more than the difference: it would only be too much elsewhere', () => {
  expect(levelMoves(SHARDS, weights(0, 1, [3, 100]), 0.02).moves).toEqual([]);
  const plan = levelMoves(SHARDS, weights(1, 1, [3, 100]), 0.02);
  expect(plan.loads.map(({ after }) => after)).toEqual([100, 19]);
  expect(plan.moves).toEqual([
    {
      from: 'a',
      to: 'b',
      slots: [
        [0, 2],
        [4, 9],
      ],
    },
  ]);
});

it('makes other shards even where one has a slot that is too heavy to move', () => {
  const shards = [{ id: 'h', slots: [[30, 30]] as const }, ...SHARDS];
  expect(afterOf(shards, weights(6, 2, [30, 1000]), 0.02)).toEqual([1000, 42, 38]);
});

it('moves a slot that goes past the mean where that is more even than before', () => {
  expect(afterOf(SHARDS, weights(0, 0, [0, 5], [1, 5], [10, 1]), 0)).toEqual([5, 6]);
});

it('moves no slot twice, and leaves nothing more uneven than it was', () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  for (let round = 0; round < 50; round++) {
    const shards = Array.from({ length: 5 }, (_, i) => ({ id: `s${i}`, slots: [[i * 40, i * 40 + 39]] as const }));
    const of = Array.from({ length: 200 }, () => Math.floor(random() ** 8 * 1000));
    const { moves, loads } = levelMoves(shards, new Map(of.entries()), 0.02);
    const slots = moves.flatMap((move) => move.slots.flat());
    for (const { from, slots: ranges } of moves)
      for (const [first] of ranges) expect(Math.floor(first / 40)).toBe(Number(from.slice(1)));
    expect(slots.every((slot) => (of[slot] ?? 0) > 0)).toBe(true);
    const most = (key: 'before' | 'after') => Math.max(...loads.map((load) => load[key]));
    expect(most('after')).toBeLessThanOrEqual(most('before'));
    expect(loads.reduce((sum, { after }) => sum + after, 0)).toBe(of.reduce((sum, each) => sum + each, 0));
  }
});

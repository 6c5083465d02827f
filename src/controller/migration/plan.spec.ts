import { expect, it } from 'vitest';
import type { SlotRange } from '../../topology/index.ts';
import { evenMoves, movesOfSlots, type PlannedMove } from './plan.ts';
import { countSlots, slotsIn, slotsOfRanges } from './slot-sets.ts';

type Part = { readonly id: string; readonly slots: readonly SlotRange[] };

const three: readonly Part[] = [
  { id: 'a', slots: [[0, 5460]] },
  { id: 'b', slots: [[5461, 10922]] },
  { id: 'c', slots: [[10923, 16383]] },
];

function after(shards: readonly Part[], moves: readonly PlannedMove[]): Record<string, number> {
  const slots = new Map(shards.map((each) => [each.id, new Set(slotsOfRanges(each.slots))]));
  for (const { from, to, slots: ranges } of moves)
    for (const slot of slotsOfRanges(ranges)) {
      if (slots.get(from)?.delete(slot) !== true) throw new Error(`${from} has no slot ${slot} to give`);
      slots.get(to)?.add(slot);
    }
  return Object.fromEntries([...slots].map(([id, own]) => [id, own.size]));
}

const movedBy = (moves: readonly PlannedMove[]): number => moves.reduce((sum, each) => sum + countSlots(each.slots), 0);

it('moves nothing where shards have equally many slots', () => {
  expect(evenMoves(three, new Set(['a', 'b', 'c']))).toEqual([]);
});

it('gives a new shard its part, and moves nothing between the others', () => {
  const four = [...three, { id: 'd', slots: [] }];
  const moves = evenMoves(four, new Set(['a', 'b', 'c', 'd']));
  expect(moves.map(({ to }) => to)).toEqual(['d', 'd', 'd']);
  expect([after(four, moves), movedBy(moves)]).toEqual([{ a: 4096, b: 4096, c: 4096, d: 4096 }, 4096]);
});

it('has a shard that leaves give all of its slots away, the last one included', () => {
  const moves = evenMoves(three, new Set(['a', 'b']));
  expect([after(three, moves), movedBy(moves)]).toEqual([{ a: 8192, b: 8192, c: 0 }, 5461]);
});

it('makes of any distribution an even one, by as few slots as can be', () => {
  for (let seed = 1; seed < 40; seed++) {
    const ids = Array.from({ length: 1 + (seed % 7) }, (_, i) => `s${i}`);
    const own = ids.map((): number[] => []);
    for (let slot = 0; slot < 16384; slot++) own[(slot * slot * seed + (slot >> (seed % 5))) % ids.length]?.push(slot);
    const shards = ids.map((id, i) => ({ id, slots: slotsIn(own[i] ?? []) }));
    const staying = new Set(ids.slice(0, 1 + (seed % ids.length)));
    const counts = after(shards, evenMoves(shards, staying));
    const even = Object.entries(counts)
      .filter(([id]) => staying.has(id))
      .map(([, count]) => count);
    expect(Math.max(...even) - Math.min(...even)).toBeLessThanOrEqual(1);
    expect(even.reduce((sum, count) => sum + count, 0)).toBe(16384);
    const least = shards.reduce((sum, { id, slots }) => {
      const more = countSlots(slots) - Math.ceil(16384 / staying.size);
      return sum + (staying.has(id) ? Math.max(0, more) : countSlots(slots));
    }, 0);
    expect(movedBy(evenMoves(shards, staying))).toBeLessThanOrEqual(least + staying.size);
  }
});

it('moves slots from those that have them, and none that are there already', () => {
  const topology = { shards: three } as Parameters<typeof movesOfSlots>[0];
  expect(movesOfSlots(topology, [[5000, 5999]], 'b')).toEqual([{ from: 'a', to: 'b', slots: [[5000, 5460]] }]);
  expect(() => movesOfSlots(topology, [[0, 1]], 'x')).toThrow('there is no shard x; there are a, b, c');
});

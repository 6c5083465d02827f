import { expect, it } from 'vitest';
import { checkTopology, type Topology } from '../../topology/index.ts';
import { LastMoves, movesOf } from './moves.ts';

function version(number: number, shards: number, more: object = {}): Topology {
  const list = Array.from({ length: shards }, (_, i) => ({ id: `s${i}`, address: `10.0.0.${i}:1` }));
  const document = { cluster: 'docs', placement: { fixedRing: {} }, hashOn: 'id', shards: list, ...more };
  return { ...checkTopology(document, 'the test'), version: number } as Topology;
}

it('names the ranges that leave a shard or come to it, and all pins: a key that stays may lie in a range that moves', () => {
  const stays = { prefix: 'b/', shard: 's1' };
  const [before, after] = [
    version(1, 2, { pins: [stays] }),
    version(2, 3, { pins: [stays, { key: 'a', shard: 's2' }] }),
  ];
  const moves = movesOf(before, after, 's0');
  expect(moves?.ranges.every(({ from, to }) => from === 's0' && to === 's2')).toBe(true);
  expect(moves?.pins).toEqual([
    { pin: 'prefix b/', from: 's1', to: 's1' },
    { pin: 'key a', from: null, to: 's2' },
  ]);
});

it('names nothing where that would be long, be it for ranges or for pins', () => {
  const pins = (letter: string): object => ({
    pins: Array.from({ length: 300 }, (_, i) => ({ key: letter.repeat(1000) + i, shard: 's1' })),
  });
  expect(movesOf(version(1, 2), version(2, 2, pins('k')), 's0')).toBeNull();
  const entries = { placement: { fixedRing: { entriesPerWeight: 10_000 } } };
  expect(movesOf(version(1, 1, entries), version(2, 2, entries), 's0')).toBeNull();
});

it('compares two versions once, however often they are asked about', () => {
  const moves = new LastMoves('s0');
  const [before, after, other] = [version(1, 1), version(2, 2), version(2, 3)];
  const first = moves.between(before, after);
  expect(first?.ranges).not.toEqual([]);
  expect(moves.between(before, after)).toBe(first);
  expect(moves.between(before, other)).not.toEqual(first);
});

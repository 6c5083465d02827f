import { expect, it } from 'vitest';
import { checkTopology, type Shard, type Topology } from '../../../topology/index.ts';
import type { NodeState } from '../../engine.ts';
import { slotsOnTheirWay, whyNotToTakeOver } from './take-over.ts';

const idOf = (letter: string): string => letter.repeat(40);
const [SHARD] = checkTopology(
  {
    cluster: 'cache',
    placement: { slots: {} },
    shards: [{ id: 's0', address: 'b:1', nodeId: idOf('b'), replicas: [{ id: idOf('a'), address: 'a:1' }] }],
  },
  'the test',
).shards as [Shard];
const REPLICA: NodeState = {
  role: 'replica',
  follows: idOf('a'),
  slots: [],
  epoch: 1,
  offset: 1000,
  link: { downMs: 0, heardAgoMs: 0, isSyncing: false },
};

it('has a replica take over from a node of its own shard', () => {
  expect(whyNotToTakeOver(REPLICA, SHARD, [], [])).toBeNull();
});

it('has none take over that follows another shard: it would claim that shard’s slots', () => {
  expect(whyNotToTakeOver({ ...REPLICA, follows: idOf('d') }, SHARD, [], [])).toContain('no node of s0');
});

it('has none take over that has half of a copy', () => {
  const link = { downMs: 0, heardAgoMs: 0, isSyncing: true };
  expect(whyNotToTakeOver({ ...REPLICA, link }, SHARD, [], [])).toContain('in the middle of a copy');
});

it('has none take over that would claim a slot whose keys have moved to another shard', () => {
  const moved = { slot: 7, from: 's0', to: 's1', isSettling: true };
  expect(whyNotToTakeOver(REPLICA, SHARD, [[0, 9]], [moved])).toContain('slot 7 is s1');
  expect(whyNotToTakeOver(REPLICA, SHARD, [[0, 6]], [moved])).toBeNull();
  expect(whyNotToTakeOver(REPLICA, SHARD, [[0, 9]], [{ ...moved, isSettling: false }])).toBeNull();
});

it('has a new primary take part in the moves of its slots, with the primaries that the others have', () => {
  const other = { id: 's1', address: 'c:1', nodeId: idOf('c'), weight: 1 } as Shard;
  const topology = { name: 'cache', shards: [SHARD, other] } as unknown as Topology;
  const move = { slot: 7, from: 's0', to: 's1', isSettling: false };
  expect(slotsOnTheirWay(topology, SHARD, [move, { ...move, slot: 8, isSettling: true }])).toEqual([
    ['CLUSTER', 'SETSLOT', '7', 'MIGRATING', idOf('c')],
  ]);
  expect(slotsOnTheirWay(topology, other, [move])).toEqual([['CLUSTER', 'SETSLOT', '7', 'IMPORTING', idOf('b')]]);
});

import { expect, it } from 'vitest';
import { checkTopology, type Shard, type Topology } from '../../../topology/index.ts';
import type { NodeState } from '../../engine.ts';
import { primariesIn, slotsOf, slotsOnTheirWay, whyNotToTakeOver } from './take-over.ts';

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
  isClusterOk: true,
  link: { downMs: 0, heardAgoMs: 0, isSyncing: false },
};

const OTHER = { id: 's1', address: 'c:1', nodeId: idOf('c'), weight: 1, slots: [[7, 9]] } as unknown as Shard;
const TOPOLOGY = { name: 'cache', shards: [SHARD, OTHER] } as unknown as Topology;
const whyNot = (
  change: Partial<NodeState>,
  claimed: Shard['slots'] & {} = [],
  moving: Parameters<typeof whyNotToTakeOver>[3] = [],
): string | null => whyNotToTakeOver({ ...REPLICA, ...change }, SHARD, claimed, moving, TOPOLOGY);

it('has a replica take over from a node of its own shard', () => {
  expect(whyNot({})).toBeNull();
});

it('has none take over that follows another shard: it would claim that shard’s slots', () => {
  expect(whyNot({ follows: idOf('d') })).toContain('no node of s0');
});

it('has none take over that has half of a copy', () => {
  expect(whyNot({ link: { downMs: 0, heardAgoMs: 0, isSyncing: true } })).toContain('in the middle of a copy');
});

it('has none take over that would claim a slot whose keys have moved to another shard', () => {
  const moved = { slot: 3, from: 's0', to: 's1', isSettling: true };
  expect(whyNot({}, [[0, 4]], [moved])).toContain('slot 3 is s1');
  expect(whyNot({}, [[0, 2]], [moved])).toBeNull();
  expect(whyNot({}, [[0, 4]], [{ ...moved, isSettling: false }])).toBeNull();
});

it('has none take over that would claim a slot that the topology has at another shard, unless it is on its way from there', () => {
  expect(whyNot({}, [[0, 7]])).toContain('slot 7 is s1');
  expect(whyNot({}, [[0, 7]], [{ slot: 7, from: 's1', to: 's0', isSettling: true }])).toBeNull();
});

it('has a new primary take part in the moves of its slots, with the primaries that the others have', () => {
  const move = { slot: 3, from: 's0', to: 's1', isSettling: false };
  const known = new Set([idOf('c')]);
  const tell = (shard: Shard, moving: Parameters<typeof slotsOnTheirWay>[2], claimed: Shard['slots'] & {}) =>
    slotsOnTheirWay(TOPOLOGY, shard, moving, claimed, known);
  expect(tell(SHARD, [move, { ...move, slot: 4, isSettling: true }], [[0, 5]])).toEqual([
    ['CLUSTER', 'SETSLOT', '3', 'MIGRATING', idOf('c')],
  ]);
  // A server refuses what it owns already, and what it does not own: nothing is to be told there.
  expect(tell(SHARD, [move], [[4, 5]])).toEqual([]);
  expect(tell(OTHER, [move], [[3, 5]])).toEqual([]);
  expect(tell(OTHER, [move], [])).toContain('it knows no primary of s0');
  known.add(idOf('a'));
  expect(tell(OTHER, [move], [])).toEqual([['CLUSTER', 'SETSLOT', '3', 'IMPORTING', idOf('a')]]);
  known.add(idOf('b'));
  expect(tell(OTHER, [move], [])).toEqual([['CLUSTER', 'SETSLOT', '3', 'IMPORTING', idOf('b')]]);
});

it('knows the primaries that a node knows, also those that have failed', () => {
  const lines = `${idOf('a')} a:1@2 master,fail - 0 0 1 connected 0-5\n${idOf('b')} b:1@2 myself,slave ${idOf('a')} 0 0 1 connected\n`;
  expect([...primariesIn(lines)]).toEqual([idOf('a')]);
});

it('knows which slots a node has by the word of another, also where it has no address any more', () => {
  const lines = `${idOf('a')} :0@0 master,noaddr - 0 0 1 disconnected 0-5 7 [9->-${idOf('b')}]\n${idOf('b')} b:1@2 myself,slave ${idOf('a')} 0 0 1 connected\n`;
  expect([slotsOf(lines, idOf('a')), slotsOf(lines, idOf('b')), slotsOf(lines, idOf('c'))]).toEqual([
    [
      [0, 5],
      [7, 7],
    ],
    [],
    null,
  ]);
});

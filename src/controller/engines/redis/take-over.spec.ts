import { expect, it } from 'vitest';
import { checkTopology, type Shard } from '../../../topology/index.ts';
import type { NodeState } from '../../engine.ts';
import { whyNotToTakeOver } from './take-over.ts';

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
  expect(whyNotToTakeOver(REPLICA, SHARD)).toBeNull();
});

it('has none take over that follows another shard: it would claim that shard’s slots', () => {
  expect(whyNotToTakeOver({ ...REPLICA, follows: idOf('d') }, SHARD)).toContain('no node of s0');
});

it('has none take over that has half of a copy', () => {
  const link = { downMs: 0, heardAgoMs: 0, isSyncing: true };
  expect(whyNotToTakeOver({ ...REPLICA, link }, SHARD)).toContain('in the middle of a copy');
});

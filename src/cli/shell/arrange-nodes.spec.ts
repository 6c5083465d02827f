import { expect, it } from 'vitest';
import { arrangedNodes } from './arrange-nodes.ts';

it('has masters on as many hosts as there are, and slaves on others than their shard has', () => {
  const nodes = ['a:1', 'a:2', 'b:1', 'b:2', 'c:1', 'c:2'];
  const shards = arrangedNodes(nodes, 3);
  expect(shards.map(([master]) => master)).toEqual(['a:1', 'b:1', 'c:1']);
  expect(shards.every(([master = '', slave = '']) => master[0] !== slave[0])).toBe(true);
  expect(shards.flat().sort()).toEqual(nodes);
});

it('takes what there is where there is one host', () => {
  expect(arrangedNodes(['a:1', 'a:2', 'a:3', 'a:4'], 2)).toEqual([
    ['a:1', 'a:3'],
    ['a:2', 'a:4'],
  ]);
});

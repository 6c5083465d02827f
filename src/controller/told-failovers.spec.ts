import { expect, it } from 'vitest';
import type { NodeId } from '../topology/index.ts';
import type { Promotion } from './failover.ts';
import { ToldFailovers } from './told-failovers.ts';

const of = (shard: string, id: string): Promotion => ({
  shard,
  node: { id: id as NodeId, shard, address: `${id}:1`, follows: null },
  isPrimaryDead: true,
  reason: 'it does not answer',
});

it('tells once that a failover has begun, however often it is tried', () => {
  const failovers = new ToldFailovers();
  const told: string[] = [];
  const tell = ({ event, ...rest }: { readonly event: string }): void =>
    void told.push(`${event} ${'node' in rest ? rest.node : ''}`);
  failovers.began([of('s0', 'a')], tell);
  failovers.began([of('s0', 'a')], tell);
  failovers.began([of('s0', 'a'), of('s1', 'b')], tell);
  failovers.done([of('s0', 'a'), of('s1', 'b')], tell);
  failovers.began([of('s0', 'a')], tell);
  expect(told).toEqual([
    'failover-began a:1',
    'failover-began b:1',
    'failover-done a:1',
    'failover-done b:1',
    'failover-began a:1',
  ]);
});

import { afterEach, expect, it } from 'vitest';
import { NAME, registries } from '../../test/support/changes-in-waves.ts';
import { Scope } from '../../test/support/processes.ts';
import type { ClusterNodes } from './engine.ts';
import { StoredOrder } from './failover-order.ts';
import { OrderedFailover } from './ordered-failover.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('begins no failover for which nobody waits any more', async () => {
  const registry = (await registries(scope))();
  const term = await registry.elections.campaign('controller', 'the test', 60_000, new AbortController().signal);
  if (term === null) throw new Error('there is no term');
  scope.defer(() => term.resign());
  const orders = new StoredOrder(registry, NAME);
  await orders.give('s0', null, 1000);
  let nowMs = 1000;
  const ordered = new OrderedFailover(
    orders,
    {} as ClusterNodes,
    () => 0,
    () => nowMs,
  );
  const topology = { shards: [] } as never;
  nowMs = 1001;
  expect(await ordered.turn(topology, () => undefined, [], term)).toBeNull();
  expect((await orders.read())?.outcome?.text).toContain('nobody waits for it any more');
  await orders.give('s0', null, 1001);
  await ordered.turn(topology, () => undefined, [], term);
  expect((await orders.read())?.outcome?.text).toBe('there is no shard s0');
});

import { afterEach, expect, it } from 'vitest';
import { draft, NAME, registries } from '../../test/support/changes-in-waves.ts';
import { Scope } from '../../test/support/processes.ts';
import type { NodeId, TopologyVersion } from '../topology/index.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('still knows of a version that was raised that no shard was heard before it became current', async () => {
  const registry = (await registries(scope))();
  await registry.topologies.commit(draft(['a', 'b']));
  await registry.topologies.commit(draft(['a', 'b']), { force: true });
  await registry.topologies.raise(NAME, 10 as TopologyVersion);
  const { from, losing } = await registry.handoffs.stage(draft(['a', 'b']), {}, 'the test');
  expect([from, losing]).toEqual([11, ['a', 'b']]);
});

it('stores no topology that could not be read again', async () => {
  const registry = (await registries(scope))();
  const { version } = await registry.topologies.commit(draft(['a', 'b']));
  const { shards, ...rest } = draft(['a', 'b']);
  const twice = { ...rest, shards: shards.map((shard) => ({ ...shard, nodeId: 'a'.repeat(40) as NodeId })) };
  const fault = `the node ${'a'.repeat(40)} appears more than once`;
  await expect(registry.topologies.commit(twice)).rejects.toThrow(fault);
  await expect(registry.topologies.commit(twice, { force: true })).rejects.toThrow(fault);
  await expect(registry.handoffs.stage(twice, {}, 'the test')).rejects.toThrow(fault);
  expect((await registry.topologies.read(NAME))?.version).toBe(version);
  expect((await registry.handoffs.read(NAME)).handoff).toBe(null);
});

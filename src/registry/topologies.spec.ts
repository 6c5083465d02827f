import { afterEach, expect, it } from 'vitest';
import { draft, NAME, registries } from '../../test/support/changes-in-waves.ts';
import { Scope } from '../../test/support/processes.ts';
import type { TopologyVersion } from '../topology/index.ts';

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

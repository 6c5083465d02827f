import { afterEach, expect, it } from 'vitest';
import { NAME, registries, WHO } from '../../../test/support/changes-in-waves.ts';
import { collectedFaults } from '../../../test/support/collected-faults.ts';
import { Scope } from '../../../test/support/processes.ts';
import { checkTopology, type Topology } from '../../topology/index.ts';
import { type ShardKeeper, SlotMoveError } from '../engine.ts';
import { queued } from './migration.ts';
import { ShardSteps } from './shard-steps.ts';
import { StoredQueue } from './stored-queue.ts';

const scope = new Scope();
afterEach(() => scope.release());

const OF_A = 'a'.repeat(40);

it('has a shard join whatever keeps another from joining', async () => {
  const registry = (await registries(scope))();
  const shards = [{ id: 'a', address: 'a:1', nodeId: OF_A, slots: '0-16383' }];
  await registry.topologies.commit(checkTopology({ ...NAME, placement: { slots: {} }, shards }, 'the test'));
  const term = await registry.elections.campaign('controller', 'the test', 60_000, new AbortController().signal);
  if (term === null) throw new Error('there is no term');
  scope.defer(() => term.resign());
  const stored = new StoredQueue(registry, NAME);
  const step = (shard: string) => ({ kind: 'join', shard, nodes: [{ address: `${shard}:1` }] }) as const;
  const queue = await stored.change((now) => queued(now, [], [step('b'), step('d'), step('c')]), null);
  const keeper: ShardKeeper = {
    join: async (addresses) => {
      if (addresses.includes('b:1')) throw new SlotMoveError('b:1 is not empty');
      // Another name of a server that is there.
      if (addresses.includes('d:1')) return [{ id: OF_A, address: 'd:1' }];
      return addresses.map((address) => ({ id: 'c'.repeat(40), address }));
    },
    forget: async () => [],
  };
  const { log, faults } = collectedFaults();
  const steps = new ShardSteps(registry, stored, keeper, WHO, log);
  const topology = (await registry.topologies.read(NAME)) as Topology;
  expect(await steps.turn(queue, topology, term, new AbortController().signal)).toBe(true);
  expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['a', 'c']);
  expect((await stored.read()).steps).toEqual([step('b'), step('d')]);
  expect(faults).toEqual([
    'shard b cannot join yet: b:1 is not empty',
    expect.stringContaining(`the node ${OF_A} appears more than once`),
  ]);
});

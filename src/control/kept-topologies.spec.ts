import { afterEach, expect, it } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { checkTopology, type Topology, type TopologyVersion } from '../topology/index.ts';
import { KeptTopologies } from './kept-topologies.ts';

const scope = new Scope();
afterEach(() => scope.release());

function topologyOf(namespace: string, cluster: string): Topology {
  const shards = [{ id: 's0', address: '10.0.0.1:1' }];
  const draft = checkTopology({ namespace, cluster, placement: { fixedRing: {} }, shards }, 'the test');
  return { ...draft, version: 7 as TopologyVersion };
}

it('reads what it has kept, and takes no cluster’s topology for that of another with the same dots in its name', () => {
  const kept = new KeptTopologies(scope.folder());
  const topology = topologyOf('a', 'b.c');
  kept.keep({ topology, nodes: [], claimedBy: 'r1' });
  expect(kept.read({ namespace: 'a', cluster: 'b.c' })).toEqual({ topology, nodes: [], claimedBy: 'r1' });
  expect(kept.read({ namespace: 'a.b', cluster: 'c' })).toBeNull();
  expect(kept.read({ namespace: 'a', cluster: 'd' })).toBeNull();
});

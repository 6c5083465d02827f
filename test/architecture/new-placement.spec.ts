import { expect, it, vi } from 'vitest';
import { placementDocument } from '../../src/cli/options/placement-option.ts';
import { keyBytes } from '../../src/placement/index.ts';
import {
  Cluster,
  ClusterTable,
  diff,
  parseTopology,
  shareCluster,
  topologyJsonSchema,
  topologyYaml,
} from '../../src/topology/index.ts';

/** The one line that a placement needs besides its folder. */
vi.mock(import('../../src/placement/kinds.ts'), async (original) => {
  const actual = await original();
  const { firstByte } = await import('./first-byte.ts');
  const placements = { ...actual.placements, firstByte };
  return { ...actual, placements, placementKinds: placements };
});

const document = (placement: string, shards = ['a', 'b']): string =>
  [
    'cluster: docs',
    `placement: ${placement}`,
    'shards:',
    ...shards.map((id, i) => `  - { id: ${id}, address: "10.0.0.${i}:1" }`),
  ].join('\n');

/** Who owns keys that begin with each of these letters. */
function ownersOf(cluster: Cluster | ClusterTable, letters: string): string {
  const { shards } = cluster;
  const ids = (typeof shards === 'function' ? shards.call(cluster) : shards).map(({ id }) => id);
  return [...letters].map((letter) => ids[cluster.locate(keyBytes(letter), 0, 1)]).join('');
}

it('has a topology placed by a placement that is one folder and one line', () => {
  const topology = parseTopology(document('{ firstByte: {} }'), 'docs.yaml');
  expect(topology.placement).toEqual({ name: 'firstByte', options: { step: 1 } });
  expect(ownersOf(new Cluster(topology), '@ABCD')).toBe('ababa');
});

it('opens its table in another thread, and keeps it with its options', () => {
  const topology = parseTopology(document('{ firstByte: { step: 2 } }'), 'docs.yaml');
  expect(ownersOf(new ClusterTable(shareCluster(topology, null)), '@ABCD')).toBe('aabba');
  expect(parseTopology(topologyYaml(topology), 'written')).toEqual(topology);
});

it('reports which of its keys move', () => {
  const [before, after] = ['{ firstByte: {} }', '{ firstByte: { step: 2 } }'].map(
    (placement) => new Cluster(parseTopology(document(placement), 'docs.yaml')),
  );
  expect(diff(before as Cluster, after as Cluster).moved).toBe(0.5);
});

it('says in its own words what is wrong with its options, and names it among the others', () => {
  const fault = (placement: string) => () => parseTopology(document(placement), 'docs.yaml');
  expect(fault('{ firstByte: { step: 0 } }')).toThrow('0 would leave all keys to one shard; write 1 or more');
  expect(fault('{ firstByte: { stop: 2 } }')).toThrow(/stop.*step/);
  expect(fault('{}')).toThrow('give exactly one of ringHash, maglev, fixedRing, ketama, slots, firstByte');
});

it('is in the schema that editors read, and takes its size on the command line', () => {
  expect(JSON.stringify(topologyJsonSchema())).toContain('How many values of the first byte a shard has');
  expect(placementDocument('firstByte:3')).toEqual({ firstByte: { step: 3 } });
});

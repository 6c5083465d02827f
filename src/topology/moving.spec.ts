import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyBytes } from '../placement/index.ts';
import { Cluster } from './cluster.ts';
import type { ClusterDescription } from './cluster-description.ts';
import { ClusterTable, shareCluster } from './cluster-table.ts';
import { losingShards } from './diff.ts';
import { checkTopology, readTopology, topologyDocument, topologyYaml } from './document.ts';
import { changedPositions, servingShards, targetOf, towards, withoutShards } from './moving.ts';
import { position } from './position.ts';
import { sharesOf } from './shares.ts';
import type { TopologyDraft } from './topology.ts';

const KEYS = Array.from({ length: 400 }, (_, i) => keyBytes(`key ${i}`));

function topologyOf(shards: readonly string[], more: object = {}): TopologyDraft {
  const list = shards.map((id) => ({ id, address: `${id}:1` }));
  return checkTopology({ cluster: 'docs', version: 3, placement: { maglev: {} }, shards: list, ...more }, 'the test');
}

function ownerIn(cluster: Cluster, key: Uint8Array): string | undefined {
  const shard = cluster.shards[cluster.locate(key, 0, key.length)];
  return shard && `${shard.id} ${shard.address}`;
}

const positionOf = (key: Uint8Array): number => position(key, 0, key.length);
const [OLD, NEW, NEWER] = [
  topologyOf(['a', 'b', 'c']),
  topologyOf(['a', 'b', 'd'], { pins: [{ prefix: 'key 1', shard: 'd' }] }),
  topologyOf(['b', 'c', 'd', 'e'], { placement: { fixedRing: { entriesPerWeight: 8 } }, hashOn: 'address' }),
];

it('spreads positions evenly from 0 to 1, whatever owns the keys', () => {
  const positions = KEYS.map(positionOf);
  expect(positions.every((at) => at >= 0 && at < 1)).toBe(true);
  const isInHalf = (at: number): boolean => at < 0.5;
  expect(Math.abs(positions.filter(isInHalf).length / KEYS.length - 0.5)).toBeLessThan(0.1);
  const old = new Cluster(OLD);
  const ofA = KEYS.filter((key) => ownerIn(old, key) === 'a a:1').map(positionOf);
  expect(Math.abs(ofA.filter(isInHalf).length / ofA.length - 0.5)).toBeLessThan(0.15);
});

it('has keys before the cursor where they move to, and all others where they were', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), (cursor) => {
      const cluster = new Cluster(towards(OLD, NEW, cursor, 4));
      const [old, next] = [new Cluster(OLD), new Cluster(NEW)];
      for (const key of KEYS) expect(ownerIn(cluster, key)).toBe(ownerIn(positionOf(key) < cursor ? next : old, key));
    }),
    { numRuns: 20 },
  );
});

it('changes course from the middle of a change, and comes through in the end', () => {
  const half = towards(OLD, NEW, 0.5, 4);
  const turned = towards(half, NEWER, 0.2, 6);
  const [old, next, newer] = [OLD, NEW, NEWER].map((each) => new Cluster(each)) as [Cluster, Cluster, Cluster];
  const cluster = new Cluster(turned);
  for (const key of KEYS) {
    const at = positionOf(key);
    expect(ownerIn(cluster, key)).toBe(ownerIn(at < 0.2 ? newer : at < 0.5 ? next : old, key));
  }
  expect(towards(turned, NEWER, 1, 6)).toEqual(NEWER);
});

it('does not move what is where it belongs: the way back ends where nothing had moved', () => {
  const half = towards(OLD, NEW, 0.5, 4);
  expect(towards(half, OLD, 0.25, 6).moving).toMatchObject({ cursor: 0.25, rest: [{ until: 0.5 }, { until: 1 }] });
  expect(towards(half, OLD, 0.5, 6)).toEqual(OLD);
  expect(towards(half, NEW, 0.1, 6).moving).toMatchObject({ cursor: 0.5, rest: [{ until: 1 }] });
});

it('opens in another thread as it was built', () => {
  const topology = towards(towards(OLD, NEW, 0.5, 4), NEWER, 0.2, 6);
  const [built, opened] = [new Cluster(topology), new ClusterTable(shareCluster(topology, null))];
  expect(opened.shards()).toEqual(servingShards(topology).map(({ id, address }) => ({ id, address })));
  for (const key of KEYS) expect(opened.locate(key, 0, key.length)).toBe(built.locate(key, 0, key.length));
});

it('is stored and read as it is, names what it requires, and holds what stays the same once', () => {
  const topology = towards(towards(OLD, NEW, 0.5, 4), NEWER, 1 / 3, 6);
  const document = JSON.parse(JSON.stringify(topologyDocument(topology))) as {
    moving: { rest: object[] };
    requires: string[];
  };
  expect(readTopology(document, 'the test')).toEqual({ topology, ignored: [] });
  expect(document.requires).toEqual(['waves']);
  expect(document.moving.rest[0]).toMatchObject({ shards: [{ id: 'a' }, 'b', 'd'] });
});

it('is refused where it is not whole', () => {
  const document = topologyDocument(towards(OLD, NEW, 0.5, 4)) as { moving: { rest: Array<Record<string, unknown>> } };
  const broken = (change: object) => () =>
    readTopology(
      { ...document, moving: { ...document.moving, rest: [{ ...document.moving.rest[0], ...change }] } },
      'it',
    );
  expect(broken({ until: 0.4 })).toThrow('not beyond');
  expect(broken({ until: 0.9 })).toThrow('not at 1');
  expect(broken({ shards: ['a', 'z'] })).toThrow('no shard z');
  expect(broken({ shards: ['a'], later: 1 })).toThrow('later');
});

it('is written for people as what it becomes', () => {
  expect(topologyYaml(towards(OLD, NEW, 0.5, 4))).toBe(topologyYaml(NEW));
});

it('knows every shard that owns a key, also one at two addresses', () => {
  const moved: ClusterDescription = {
    ...OLD,
    shards: OLD.shards.map((shard) => ({ ...shard, address: `${shard.id}:2` })),
  };
  const half = towards(OLD, moved, 0.5, 4);
  expect(servingShards(half).map(({ address }) => address)).toEqual(['a:2', 'b:2', 'c:2', 'a:1', 'b:1', 'c:1']);
  expect(losingShards(OLD, half)).toEqual(['a', 'b', 'c']);
  const shares = [...sharesOf(new Cluster(towards(OLD, NEW, 0.5, 4))).values()];
  expect(shares.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1);
});

it('finds that shards lose keys by a wave only where some of its keys move', () => {
  const third = towards(OLD, topologyOf(['a', 'b']), 1 / 3, 4);
  expect(losingShards(OLD, third)).toContain('c');
  expect(losingShards(third, third)).toEqual([]);
  expect(losingShards(third, towards(third, targetOf(third), 2 / 3, 4))).toContain('c');
});

it('leaves a shard out piece by piece', () => {
  const half = towards(topologyOf(['c']), NEW, 0.5, 4);
  const without = withoutShards(half, ({ id }) => id === 'd' || id === 'c');
  expect(servingShards(without).map(({ id }) => id)).toEqual(['a', 'b']);
  expect(without.pins).toEqual([]);
  expect(without.moving).toMatchObject({ cursor: 0.5, rest: [{ until: 1, shards: [{ id: 'a' }, { id: 'b' }] }] });
});

it('divides the slots of a shard that is left out among the others, so that each still has an owner', () => {
  const slots = ['0-5460', '5461-10922', '10923-16383'];
  const shards = ['a', 'b', 'c'].map((id, i) => ({ id, address: `${id}:1`, slots: slots[i] }));
  const written = checkTopology({ cluster: 'docs', placement: { slots: {} }, shards }, 'the test');
  const without = withoutShards(written, ({ id }) => id === 'b');
  expect(without.shards.map((shard) => shard.slots)).toEqual([
    [
      [0, 5460],
      [5461, 8191],
    ],
    [
      [10923, 16383],
      [8192, 10922],
    ],
  ]);
  expect(checkTopology(topologyDocument(without), 'the test')).toEqual(without);
  expect(withoutShards(written, () => true).shards).toEqual([]);
});

it('finds the positions of the keys that may move from one version to another', () => {
  const [third, half] = [towards(OLD, NEW, 1 / 3, 4), towards(OLD, NEW, 0.5, 4)];
  expect(changedPositions(OLD, NEW)).toEqual({ from: 0, until: 1 });
  expect(changedPositions(OLD, third)).toEqual({ from: 0, until: 1 / 3 });
  expect(changedPositions(third, half)).toEqual({ from: 1 / 3, until: 0.5 });
  expect(changedPositions(half, NEW)).toEqual({ from: 0.5, until: 1 });
  expect(changedPositions(half, half)).toEqual({ from: 0, until: 0 });
});

it('has the owners of all other keys stay as they are', () => {
  const descriptions = [
    ...[0.2, 0.5, 0.7].flatMap((cursor) => [towards(OLD, NEW, cursor, 4), towards(NEW, NEWER, cursor, 5)]),
    towards(towards(OLD, NEW, 0.5, 4), NEWER, 0.2, 6),
    withoutShards(towards(OLD, NEW, 0.5, 4), ({ id }) => id === 'c'),
    OLD,
    NEW,
  ];
  for (const one of descriptions)
    for (const other of descriptions) {
      const { from, until } = changedPositions(one, other);
      const [before, after] = [new Cluster(one), new Cluster(other)];
      for (const key of KEYS) {
        const mayMove = positionOf(key) >= from && positionOf(key) < until;
        if (!mayMove) expect(ownerIn(after, key)).toBe(ownerIn(before, key));
      }
    }
});

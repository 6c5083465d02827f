import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyBytes } from '../placement/index.ts';
import { Cluster, hashKeyOf } from './cluster.ts';
import type { ClusterDescription, HashOn } from './cluster-description.ts';
import { parseTopology, readTopology, topologyDocument, topologyYaml } from './document.ts';
import { parseSetNodes, setNodesText } from './set-nodes.ts';
import type { TopologyDraft } from './topology.ts';

const anyName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const anyNodeId = fc.stringMatching(/^[0-9a-f]{40}$/);
const anyAddress = fc
  .tuple(fc.constantFrom('10.0.0.1', 'shard-0.shards.default.svc', '[fd00::1]'), fc.integer({ min: 1, max: 65535 }))
  .map(([host, port]) => `${host}:${port}`);
const anyPlacement = fc.constantFrom(
  { name: 'ringHash', options: { minimumRingSize: 64, maximumRingSize: 4096, hashFunction: 'murmurHash2' } },
  { name: 'maglev', options: { tableSize: 251 } },
  { name: 'fixedRing', options: { entriesPerWeight: 16 } },
  { name: 'ketama', options: {} },
  { name: 'slots', options: {} },
) as fc.Arbitrary<ClusterDescription['placement']>;

const anyShard = fc.record(
  {
    id: anyName,
    address: anyAddress,
    weight: fc.integer({ min: 1, max: 1_000_000 }),
    nodeId: anyNodeId,
    hostname: fc.stringMatching(/^[a-z0-9.-]{1,30}$/),
    replicas: fc.array(fc.record({ id: anyNodeId, address: anyAddress }), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['id', 'address', 'weight'] },
);

const anyTopology = fc
  .record({
    namespace: anyName,
    version: fc.option(fc.integer({ min: 1, max: 2 ** 50 })),
    name: anyName,
    placement: anyPlacement,
    hashOn: fc.constantFrom('id', 'hostname'),
    shards: fc.uniqueArray(anyShard, { selector: ({ id }) => id, minLength: 1, maxLength: 8 }),
    pinned: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 4 }),
  })
  .filter(({ shards, hashOn }) => {
    const names = shards.map((shard) => hashKeyOf(shard, hashOn as HashOn));
    if (new Set(names).size < names.length) return false;
    const nodes = shards.flatMap(({ nodeId, replicas = [] }) => [nodeId ?? [], ...replicas.map(({ id }) => id)].flat());
    return new Set(nodes).size === nodes.length;
  })
  .map(({ pinned, ...rest }) => {
    const pins = pinned.map((text, i) => ({
      ...(i % 2 === 0 ? { key: text } : { prefix: text }),
      shard: rest.shards[i % rest.shards.length]?.id,
    }));
    return { ...rest, ...(pins.length > 0 ? { pins } : {}) } as unknown as TopologyDraft;
  });

it('reads what it has written, in YAML and in JSON', () => {
  fc.assert(
    fc.property(anyTopology, (topology) => {
      expect(parseTopology(topologyYaml(topology), 'a.yaml')).toEqual(topology);
      expect(parseTopology(JSON.stringify(topologyDocument(topology)), 'a.json')).toEqual(topology);
    }),
  );
});

/** Slots cut at random, one shard after the other in turn. */
const anySlotted = fc
  .record({
    ids: fc.uniqueArray(anyNodeId, { minLength: 3, maxLength: 10 }),
    cuts: fc.uniqueArray(fc.integer({ min: 1, max: 16383 }), { minLength: 1, maxLength: 20 }),
    primaries: fc.integer({ min: 2, max: 5 }),
    address: anyAddress,
  })
  .map(({ ids, cuts, primaries, address }): ClusterDescription => {
    const count = Math.min(primaries, ids.length);
    const bounds = [0, ...cuts.sort((a, b) => a - b), 16384];
    const shards = ids.slice(0, count).map((id, i) => {
      const replicas = ids.slice(count).flatMap((each, j) => (j % count === i ? [{ id: each, address }] : []));
      const slots = bounds.slice(1).flatMap((end, cut) => (cut % count === i ? [[bounds[cut], end - 1]] : []));
      return { id, nodeId: id, address, weight: 1, slots, ...(replicas.length > 0 ? { replicas } : {}) };
    });
    return {
      name: 'c',
      placement: { name: 'slots', options: {} },
      hashOn: 'id',
      shards,
    } as unknown as ClusterDescription;
  })
  .filter(({ shards }) => shards.every(({ slots }) => slots?.length !== 0));

it('reads what it has written in the line form', () => {
  fc.assert(
    fc.property(anySlotted, (cluster) => {
      expect(parseSetNodes(setNodesText(cluster), 'nodes', 'c')).toEqual(cluster);
    }),
  );
});

it('reads the line form as the documents of Kvrocks have it', () => {
  const text =
    'kvrockskvrockskvrockskvrockskvrocksnode1 10.32.68.251 6666 master - 0-5460 \\n ' +
    'kvrockskvrockskvrockskvrockskvrocksnode2 10.32.68.250 6667 master - 5461-10992 \\n ' +
    'kvrockskvrockskvrockskvrockskvrocksnode3 10.32.68.249 6666 master - 10993-16383';
  const cluster = parseSetNodes(text, 'nodes', 'kv');
  expect(cluster.shards.map(({ address, slots }) => [address, slots])).toEqual([
    ['10.32.68.251:6666', [[0, 5460]]],
    ['10.32.68.250:6667', [[5461, 10992]]],
    ['10.32.68.249:6666', [[10993, 16383]]],
  ]);
  const key = keyBytes('{demo}/a');
  expect(new Cluster(cluster).locate(key, 0, key.length)).toBe(new Cluster(cluster).locate(key.subarray(1, 5), 0, 4));
});

it('keeps, in the line form, what else a known cluster has', () => {
  const known = parseTopology(
    'cluster: c\nplacement: {slots: {}}\nshards: [{id: a, address: "h:1", weight: 3}, {id: b, address: "h:2"}]\npins: [{key: k, shard: b}]',
    'c.yaml',
  );
  const moved = setNodesText(known).replace(' 1 master', ' 9 master');
  const { shards, pins } = parseSetNodes(moved, 'nodes', 'c', known);
  expect(shards.map(({ id, address, weight }) => [id, address, weight])).toEqual([
    ['a', 'h:9', 3],
    ['b', 'h:2', 1],
  ]);
  expect(pins).toEqual(known.pins);
});

const NODE = (n: number): string => `${n}`.repeat(40);
const faulty = [
  [
    'a replica of nobody',
    `${NODE(1)} h 1 master - 0-16383\n${NODE(2)} h 2 slave ${NODE(3)}`,
    'nodes:2:1 .*which does not exi',
  ],
  ['a node twice', `${NODE(1)} h 1 master - 0-16383\n${NODE(1)} h 2 slave ${NODE(1)}`, 'nodes:2:1 .*more than once'],
  ['an id that is none', `abc h 1 master - 0-16383`, 'nodes:1:1 "abc" is not a node id'],
  ['a role that is none', `${NODE(1)} h 1 boss - 0-16383`, '"boss" is not a role; write master or slave'],
  ['a hole in the slots', `${NODE(1)} h 1 master - 0-99 101-16383`, 'slot 100 belongs to no shard'],
  ['slots that overlap', `${NODE(1)} h 1 master - 0-16383\n${NODE(2)} h 2 master - 5`, 'slot 5 belongs to both'],
  ['no node', '', 'there is no node in it'],
] as const;

for (const [name, text, message] of faulty) {
  it(`refuses ${name} in the line form, with the place`, () => {
    expect(() => parseSetNodes(text, 'nodes', 'c')).toThrow(new RegExp(message));
  });
}

const SHARDS = 'shards: [{id: s0, address: "h:1"}, {id: s1, address: "h:2"}]';
const wrong = [
  [
    'an id twice',
    'cluster: c\nshards: [{id: s0, address: "h:1"}, {id: s0, address: "h:2"}]',
    'shards.1.id: s0 appears mo',
  ],
  ['a weight of zero', 'cluster: c\nshards: [{id: s0, address: "h:1", weight: 0}]', 'shards.0.weight: give at least 1'],
  [
    'a pin to nowhere',
    `cluster: c\n${SHARDS}\npins: [{key: a, shard: s9}]`,
    'pins.0.shard: there is no shard s9; there are s0, s1',
  ],
  [
    'a replica with its own primary',
    `cluster: c\nshards: [{id: s0, address: "h:1", nodeId: "${NODE(1)}", replicas: [{id: "${NODE(1)}", address: "h:2"}]}]`,
    'shards.0.replicas.0.id: the node 1+ appears more than once',
  ],
  ['an id that is no node', `cluster: c\nshards: [{id: s0, address: "h:1", nodeId: x}]`, 'nodeId: write 40 letters'],
  [
    'a pin twice',
    `cluster: c\n${SHARDS}\npins: [{key: a, shard: s0}, {key: a, shard: s1}]`,
    'pins.1: key a is pinned mo',
  ],
  ['a pin on nothing', `cluster: c\n${SHARDS}\npins: [{shard: s0}]`, 'exactly one of key, prefix; none is given'],
  [
    'slots with holes',
    'cluster: c\nplacement: {slots: {}}\nshards: [{id: s0, address: "h:1", slots: 0-5}]',
    'shards: slot 6 belongs to no shard',
  ],
  [
    'one address for two, where that is hashed',
    'cluster: c\nhashOn: address\nshards: [{id: a, address: "h:1"}, {id: b, address: "h:1"}]',
    'shards.1.address: h:1 is the address of a too',
  ],
  ['a field that is none', `cluster: c\n${SHARDS}\nplacment: {}`, 't.yaml:3:1 placment: .*did you mean placement'],
] as const;

for (const [name, text, message] of wrong) {
  it(`refuses ${name}, with the place`, () => {
    expect(() => parseTopology(text, 't.yaml')).toThrow(new RegExp(message));
  });
}

it('writes durations for people with a unit, keeps them as every release has, and reads both from a registry', () => {
  const topology = parseTopology(`cluster: c\n${SHARDS}\nfailover: {after: 90s}`, 't.yaml');
  expect(topology.failover).toEqual({ afterMs: 90_000 });
  expect(topologyYaml(topology)).toContain('after: 90s');
  expect(topologyDocument(topology)).toMatchObject({ failover: { afterMs: 90_000 } });
  const stored = (failover: object) => readTopology({ ...topologyDocument(topology), failover }, 'registry');
  expect(stored({ afterMs: 90_000 }).topology).toEqual(topology);
  expect(stored({ after: '90s', later: 1 })).toEqual({ topology, ignored: ['failover.later'] });
});

it('sends pinned keys to their shards: a key before prefixes, of these the longest', () => {
  const cluster = new Cluster(
    parseTopology(
      `cluster: c\nshards: [${[0, 1, 2, 3].map((n) => `{id: s${n}, address: "h:${n + 1}"}`).join(', ')}]\n` +
        'pins: [{prefix: vip/, shard: s1}, {prefix: vip/é, shard: s2}, {key: vip/é1, shard: s3}]',
      't.yaml',
    ),
  );
  const owner = (key: string): string | undefined => {
    const bytes = keyBytes(`--${key}`);
    return cluster.shards[cluster.locate(bytes, 2, bytes.length)]?.id;
  };
  expect(['vip/a', 'vip/é', 'vip/é1', 'vip/é12'].map(owner)).toEqual(['s1', 's2', 's3', 's2']);
});

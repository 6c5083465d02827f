import { expect, it } from 'vitest';
import { checkTopology, nodesOf, type Topology, type TopologyVersion } from '../topology/index.ts';
import type { NodeState, Sight } from './engine.ts';
import { type FailoverPlan, type FailoverRules, planFailovers, promoted } from './failover.ts';
import { deathOf, healthAfter, type NodeHealth } from './health.ts';

const RULES: FailoverRules = { intervalMs: 1000, failures: 3, longestLoadingMs: 60_000, maxMissingShare: 0.5 };
const NOW_MS = 100_000;
const SILENT: Sight = { kind: 'silent', reason: 'ECONNREFUSED' };
const LINK_MS = { downMs: 5000, heardAgoMs: 6000, isSyncing: false };

const idOf = (letter: string): string => letter.repeat(40);

/** Shards a, b and c with two replicas each, such as a1 and a2. */
const topology: Topology = {
  ...checkTopology(
    {
      cluster: 'cache',
      placement: { slots: {} },
      shards: ['a', 'd', 'g'].map((letter, i) => ({
        id: `s${i}`,
        address: `${letter}:1`,
        nodeId: idOf(letter),
        slots: ['0-5460', '5461-10922', '10923-16383'][i],
        replicas: [1, 2].map((n) => {
          const other = String.fromCharCode(letter.charCodeAt(0) + n);
          return { id: idOf(other), address: `${other}:1` };
        }),
      })),
    },
    'the test',
  ),
  version: 1 as TopologyVersion,
};

function primaryState(slots: NodeState['slots'], epoch = 1): NodeState {
  return { role: 'primary', follows: null, slots, epoch, offset: 1000, isClusterOk: true, link: null };
}

function replicaState(of: string, change: Partial<NodeState> = {}): NodeState {
  const usual = { slots: [], epoch: 1, offset: 1000, isClusterOk: true, link: LINK_MS };
  return { role: 'replica', follows: idOf(of), ...usual, ...change };
}

const well = (state: NodeState): Sight => ({ kind: 'well', state });

/** All nodes as they should be, but for some. @param silent letters of nodes that have missed three probes over five seconds */
function planWith(
  sights: Readonly<Record<string, Sight>>,
  silent: readonly string[] = [],
  rules = RULES,
): FailoverPlan {
  const health = new Map<string, NodeHealth>();
  for (const { id, follows } of nodesOf(topology)) {
    const letter = id[0] as string;
    const shard = topology.shards.find(({ nodeId }) => nodeId === (follows ?? id));
    const usual = follows === null ? primaryState(shard?.slots ?? []) : replicaState(follows[0] as string);
    let one = healthAfter(undefined, well(usual), NOW_MS - 6000);
    if (silent.includes(letter))
      for (const askedMs of [5000, 4000, 3000]) one = healthAfter(one, SILENT, NOW_MS - askedMs);
    const sight = sights[letter];
    if (sight !== undefined) one = healthAfter(one, sight, NOW_MS - 1000);
    health.set(id, one);
  }
  return planFailovers(topology, (id) => health.get(id), rules, NOW_MS);
}

const chosen = ({ promotions }: FailoverPlan): string[] => promotions.map(({ node }) => node.id[0] as string);

it('does nothing about nodes that are well, and about replicas that are not', () => {
  expect(planWith({})).toEqual({ promotions: [], waits: [] });
  expect(planWith({}, ['b', 'e'])).toEqual({ promotions: [], waits: [] });
});

it('has the replica take over that has most of what its primary had', () => {
  const ahead = planWith({ b: well(replicaState('a', { offset: 990 })), c: well(replicaState('a', { offset: 991 })) }, [
    'a',
  ]);
  expect(chosen(ahead)).toEqual(['c']);
  expect(ahead.promotions[0]?.reason).toBe('its primary a:1 is dead: ECONNREFUSED');
  expect(chosen(planWith({}, ['a']))).toEqual(['b']);
});

it.each<[string, Sight]>([
  ['loads its data', { kind: 'loading' }],
  ['refuses to say how it is', { kind: 'refusing', reason: 'NOAUTH' }],
  ['is in the middle of a copy', well(replicaState('a', { offset: 5000, link: { ...LINK_MS, isSyncing: true } }))],
  ['has nothing', well(replicaState('a', { offset: 0 }))],
  ['follows another', well(replicaState('d', { offset: 5000 }))],
  ['lost its primary long before', well(replicaState('a', { offset: 5000, link: { ...LINK_MS, downMs: 30_000 } }))],
  [
    'was never linked to its primary',
    well(replicaState('a', { offset: 5000, link: { ...LINK_MS, downMs: Number.POSITIVE_INFINITY } })),
  ],
])('has no replica take over that %s', (_, sight) => {
  expect(chosen(planWith({ b: sight }, ['a']))).toEqual(['c']);
  const none = planWith({ b: sight }, ['a', 'c']);
  expect(none.promotions).toEqual([]);
  expect(none.waits).toEqual([expect.stringContaining('b:1 is no successor')]);
});

it('leaves a primary alone that its replica still hears of', () => {
  const hears = well(replicaState('a', { link: { downMs: 0, heardAgoMs: 2000, isSyncing: false } }));
  const plan = planWith({ c: hears }, ['a']);
  expect([plan.promotions, plan.waits]).toEqual([[], [expect.stringContaining('still hears of it')]]);
  // What was heard just before it fell silent is no sign of life; the replica was asked a second ago.
  for (const heardAgoMs of [5000, 3500]) {
    const heard = well(replicaState('a', { link: { downMs: 0, heardAgoMs, isSyncing: false } }));
    expect(chosen(planWith({ c: heard }, ['a']))).toEqual(['b']);
  }
});

it('fails nothing over where more nodes are missing at once than it may believe', () => {
  const half = ['a', 'b', 'd', 'e'];
  expect(chosen(planWith({}, half))).toEqual(['c', 'f']);
  const most = planWith({}, [...half, 'g']);
  expect([most.promotions, most.waits.length]).toEqual([[], 3]);
  expect(most.waits[0]).toContain('5 of 9 nodes do not answer');
  expect(chosen(planWith({}, [...half, 'g'], { ...RULES, maxMissingShare: 1 }))).toEqual(['c', 'f', 'h']);
});

it('follows what the nodes have decided by themselves, but not the claim of one that was away', () => {
  const slots = topology.shards[0]?.slots ?? [];
  const taken = well(primaryState(slots, 2));
  expect(chosen(planWith({ a: well(replicaState('b')), b: taken }))).toEqual(['b']);
  // Another program has moved some of the slots before.
  expect(chosen(planWith({ a: well(replicaState('b')), b: well(primaryState([[0, 99]], 2)) }))).toEqual(['b']);
  expect(chosen(planWith({ b: taken, a: SILENT }))).toEqual(['b']);
  expect(chosen(planWith({ b: taken }))).toEqual([]);
  expect(chosen(planWith({ b: well(primaryState(slots, 1)), a: SILENT }))).toEqual([]);
  expect(chosen(planWith({ b: well(primaryState([[0, 99]], 2)), a: SILENT }))).toEqual([]);
});

it('does not follow what nodes claim to be where they do not decide', () => {
  const slots = topology.shards[0]?.slots ?? [];
  const health = new Map<string, NodeHealth>();
  const [a, b, c] = ['a', 'b', 'c'].map(idOf) as [string, string, string];
  for (const { id } of nodesOf(topology)) health.set(id, healthAfter(undefined, well(primaryState([])), NOW_MS));
  health.set(a, healthAfter(undefined, well(replicaState('b')), NOW_MS));
  health.set(b, healthAfter(undefined, well(primaryState(slots, 9)), NOW_MS - 60_000));
  const link = { downMs: 20_000, heardAgoMs: 20_000, isSyncing: false };
  health.set(c, healthAfter(undefined, well(replicaState('a', { link })), NOW_MS));
  const chosenBy = (nodesDecide: boolean) =>
    chosen(planFailovers(topology, (id) => health.get(id), RULES, NOW_MS, nodesDecide));
  expect([chosenBy(true), chosenBy(false)]).toEqual([['b'], []]);
  // A controller that has not seen the primary alive does not believe a claim either, however long it stands.
  let dead = healthAfter(undefined, SILENT, NOW_MS - 20_000);
  for (const askedMs of [15_000, 10_000, 5000]) dead = healthAfter(dead, SILENT, NOW_MS - askedMs);
  health.set(a, dead);
  expect([chosenBy(true), chosenBy(false)]).toEqual([['b'], ['c']]);
});

it('gives a shard back to the one that has stayed its primary, where its successor died before it took over', () => {
  const slots = topology.shards[0]?.slots ?? [];
  const plan = planWith({ b: well(primaryState(slots)) }, ['c']);
  expect(plan.promotions).toEqual([]);
  const health = new Map<string, NodeHealth>();
  const [a, b, c] = ['a', 'b', 'c'].map(idOf) as [string, string, string];
  health.set(b, healthAfter(undefined, well(primaryState(slots)), NOW_MS));
  health.set(c, healthAfter(undefined, well(replicaState('b')), NOW_MS));
  let dead = healthAfter(undefined, well(replicaState('b')), NOW_MS - 6000);
  for (const askedMs of [5000, 4000, 3000]) dead = healthAfter(dead, SILENT, NOW_MS - askedMs);
  health.set(a, dead);
  expect(chosen(planFailovers(topology, (id) => health.get(id), RULES, NOW_MS))).toEqual(['b']);
});

/** A plan of a controller that has been started after a's death: it has looked for as long as this. */
function planAfterDeath(sights: Readonly<Record<string, Sight>>, lookedMs: number): FailoverPlan {
  const health = new Map<string, NodeHealth>();
  const looks = Array.from({ length: RULES.failures + 1 }, (_, i) => NOW_MS - lookedMs * (1 - i / RULES.failures));
  for (const { id, follows } of nodesOf(topology)) {
    const letter = id[0] as string;
    const shard = topology.shards.find(({ nodeId }) => nodeId === id);
    const usual = follows === null ? primaryState(shard?.slots ?? []) : replicaState(follows[0] as string);
    const sight = letter === 'a' ? SILENT : (sights[letter] ?? well(usual));
    for (const askedMs of looks) health.set(id, healthAfter(health.get(id), sight, askedMs));
  }
  return planFailovers(topology, (id) => health.get(id), RULES, NOW_MS);
}

it('has a replica take over from a primary that died before this controller was started, however long ago', () => {
  const lost = (downMs: number, offset: number): Sight =>
    well(replicaState('a', { offset, link: { downMs, heardAgoMs: null, isSyncing: false } }));
  expect(chosen(planAfterDeath({ b: lost(900_000, 100), c: lost(905_000, 101) }, 3000))).toEqual(['c']);
  // The one that lost it long before the other has missed what came in between, whatever it counts.
  expect(chosen(planAfterDeath({ b: lost(900_000, 100), c: lost(2_000_000, 101) }, 3000))).toEqual(['b']);
  const never = lost(Number.POSITIVE_INFINITY, 100);
  expect(chosen(planAfterDeath({ b: never, c: never }, 3000))).toEqual([]);
});

it('follows what the nodes have decided before this controller was started, once the claim has stood long enough', () => {
  const slots = topology.shards[0]?.slots ?? [];
  const nodes = { b: well(primaryState(slots, 2)), c: well(replicaState('b')) };
  expect(chosen(planAfterDeath(nodes, 12_000))).toEqual(['b']);
  // One that has just come back claims what it had, until it hears from the others.
  expect(chosen(planAfterDeath(nodes, 3000))).toEqual([]);
  const few = { b: well(primaryState([[0, 99]], 2)), c: well(replicaState('b')) };
  expect(chosen(planAfterDeath(few, 12_000))).toEqual([]);
});

it('does not follow a primary from before that comes back with old data and does not hear from the others', () => {
  const slots = topology.shards[0]?.slots ?? [];
  const link = { downMs: 15_000, heardAgoMs: null, isSyncing: false };
  const old = primaryState(slots, 1);
  const newer = { b: well(old), c: well(replicaState('a', { epoch: 2, link })) };
  expect(chosen(planAfterDeath(newer, 12_000))).toEqual(['c']);
  const alone = { b: well({ ...old, isClusterOk: false }), c: SILENT };
  expect(chosen(planAfterDeath(alone, 12_000))).toEqual([]);
  expect(chosen(planAfterDeath({ ...alone, b: well(old) }, 12_000))).toEqual(['b']);
});

it('keeps every node in its shard, with one primary each', () => {
  const plan = planWith({}, ['a', 'd']);
  const after = promoted(topology, plan.promotions);
  expect(after.shards.map(({ nodeId, address }) => [nodeId?.[0], address])).toEqual([
    ['b', 'b:1'],
    ['e', 'e:1'],
    ['g', 'g:1'],
  ]);
  const byShard = (of: Pick<Topology, 'name' | 'placement' | 'hashOn' | 'shards'>): string[] =>
    nodesOf(of)
      .map(({ shard, id, address }) => `${shard} ${id} ${address}`)
      .sort();
  expect(byShard(after)).toEqual(byShard(topology));
});

it('takes a node for dead after as many probes in a row as are wanted, over as long a time', () => {
  let health: NodeHealth | undefined;
  const deaths = [0, 10, 20, 30].map((askedMs) => {
    health = healthAfter(health, SILENT, askedMs);
    return deathOf(health, RULES, askedMs);
  });
  expect(deaths).toEqual([null, null, null, null]);
  expect(deathOf(health as NodeHealth, RULES, 2000)).toBe('ECONNREFUSED');
  health = healthAfter(health, well(primaryState([])), 2100);
  expect(deathOf(health, RULES, 2100)).toBeNull();
});

it('takes a node for dead that loads its data for too long, also where it falls silent in between', () => {
  let health = healthAfter(undefined, { kind: 'loading' }, 0);
  health = healthAfter(health, SILENT, 30_000);
  health = healthAfter(health, { kind: 'loading' }, 59_000);
  expect(deathOf(health, RULES, 59_000)).toBeNull();
  expect(deathOf(health, RULES, 60_000)).toContain('loaded its data for longer than 60 s');
});

import { afterEach, expect, it, vi } from 'vitest';
import { NAME, reached, router, WHO } from '../../test/support/changes-in-waves.ts';
import { collectedFaults } from '../../test/support/collected-faults.ts';
import { Scope } from '../../test/support/processes.ts';
import { PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { changeTopology, pauseChange } from '../handoff/index.ts';
import type { FencingToken, Registry } from '../registry/index.ts';
import { RespClientError } from '../resp/index.ts';
import { checkTopology, nodesOf, type Topology, type TopologyDraft } from '../topology/index.ts';
import type { ClusterNodes, NodeState, ShardKeeper, Sight, SlotMover, SlotOnItsWay } from './engine.ts';
import { LedCluster } from './led-cluster.ts';
import { changed, queued } from './migration/migration.ts';
import { StoredQueue } from './migration/stored-queue.ts';
import type { LedClusterSettings } from './settings.ts';

const scope = new Scope();
afterEach(() => scope.release());

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];
const SETTINGS: LedClusterSettings = {
  name: NAME,
  engine: 'redis',
  seeds: [],
  consistency: 'strict',
  access: { login: null, certificates: null, timeoutMs: 100, patienceMs: 10 },
  rules: { intervalMs: 5, failures: 3, longestLoadingMs: 60_000, maxMissingShare: 0.5 },
};

/** Shard s0 of a, which b follows, and s1 of c. */
const topology: TopologyDraft = checkTopology(
  {
    ...NAME,
    placement: { slots: {} },
    shards: [
      { id: 's0', address: 'a:1', nodeId: A, slots: '0-8191', replicas: [{ id: B, address: 'b:1' }] },
      { id: 's1', address: 'c:1', nodeId: C, slots: '8192-16383' },
    ],
  },
  'the test',
);
const state = { slots: [], epoch: 1, offset: 10, isClusterOk: true, follows: null, link: null };
const PRIMARY: NodeState = { ...state, role: 'primary', slots: [[0, 8191]] };
const LINK = { downMs: 0, heardAgoMs: null, isSyncing: false };
const REPLICA: NodeState = { ...state, role: 'replica', follows: A, link: LINK };

/** Nodes that are as a test has them, and note what they are told to be. */
class FakeNodes implements ClusterNodes {
  readonly nodesDecide = true;
  readonly sights = new Map<string, Sight>([
    [A, { kind: 'well', state: PRIMARY }],
    [B, { kind: 'well', state: REPLICA }],
    [C, { kind: 'well', state: { ...PRIMARY, slots: [[8192, 16383]] } }],
  ]);
  readonly told: Array<readonly [id: string, sight: NodeState, version: number]> = [];
  /** By node, the slots that were on their way by what it was told last. */
  readonly moving = new Map<string, readonly SlotOnItsWay[]>();
  /** The batches that are moving, which end when their source is to be avoided. */
  readonly batches = new Set<(error: Error) => void>();

  async probe({ id }: { readonly id: string }): Promise<Sight> {
    return this.sights.get(id) as Sight;
  }

  async bring(
    { id }: { readonly id: string },
    seen: NodeState | null,
    { version }: Topology,
    moving: readonly SlotOnItsWay[],
  ): Promise<null> {
    this.moving.set(id, moving);
    if (seen !== null) this.told.push([id, seen, version]);
    return null;
  }

  handOver = () => Promise.resolve(null);
  find = () => Promise.resolve({ shards: [], version: null });
  keeper(): ShardKeeper {
    return {} as ShardKeeper;
  }

  mover(): SlotMover {
    return {
      owned: async ({ id }, slots) => new Set(slots.filter((slot) => id === (slot <= 8191 ? A : C))),
      open: async () => {},
      moveKeys: () => new Promise((_, reject) => this.batches.add(reject)),
      avoid: (addresses) => {
        if (!addresses.has('a:1')) return;
        for (const end of this.batches) end(new RespClientError('closed'));
        this.batches.clear();
      },
      close: () => {},
    } as Partial<SlotMover> as SlotMover;
  }

  keepOnly(): void {}

  /** What was told by a version from this one on. */
  since(version: number): Array<readonly [id: string, follows: string | null]> {
    return this.told.filter((each) => each[2] >= version).map(([id, { follows }]) => [id, follows]);
  }
}

/** A cluster of two shards before one router, led from now on. */
async function led() {
  const store = await sqlite(scope);
  const open = () => registryOn(store.open(), scope);
  const registry = open();
  await registry.topologies.commit(topology);
  const one = await router(scope, open(), 'one');
  const nodes = new FakeNodes();
  const { log, faults } = collectedFaults();
  const [stopping, ended] = [new AbortController(), new AbortController()];
  const term = {
    get isLeading() {
      return !ended.signal.aborted;
    },
    ended: ended.signal,
    election: 'controller',
    token: 1 as FencingToken,
  };
  const leading = new LedCluster(open(), SETTINGS, nodes, WHO, log).lead(term, stopping.signal);
  scope.defer(() => {
    stopping.abort();
    return leading;
  });
  await vi.waitFor(() => expect(nodes.told.length).toBeGreaterThan(0), PATIENCE);
  return { store, open, registry, one, nodes, faults, endTerm: () => ended.abort(), leading };
}

const primaryOf = async (registry: Registry): Promise<string | undefined> =>
  (await registry.topologies.read(NAME))?.shards[0]?.nodeId;

it('tells nodes what they are to be by what they are once a failover is stored, not by what they were before', async () => {
  const { registry, one, nodes } = await led();
  one.from = () => true;
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  const { to } = await reached(registry, ({ step }) => step === 'stage');
  const changed: NodeState = { ...REPLICA, follows: C };
  nodes.sights.set(B, { kind: 'well', state: changed });
  one.from = () => false;
  await one.look();
  await vi.waitFor(() => expect(nodes.since(to).some(([id]) => id === B)).toBe(true), PATIENCE);
  expect(nodes.since(to).filter(([id, follows]) => id === B && follows !== C)).toEqual([]);
});

it('waits for no change and tells no node anything once its term has ended', async () => {
  const { registry, one, nodes, endTerm, leading } = await led();
  one.from = () => true;
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  const { to } = await reached(registry, ({ step }) => step === 'stage');
  endTerm();
  await leading;
  one.from = () => false;
  await one.look();
  expect(nodes.since(to)).toEqual([]);
});

it('fails over while people have stopped a change, which is given up, and while one is under way', async () => {
  const { open, registry, one, nodes } = await led();
  one.from = () => true;
  const current = (await registry.topologies.read(NAME)) as Topology;
  const wanted = { ...current, version: null, shards: [...current.shards].reverse() };
  const changing = changeTopology(open(), wanted, { reason: 'people want it', ...WHO });
  const refused = expect(changing).rejects.toThrow('a failover comes first');
  await reached(registry, ({ step }) => step === 'stage');
  await pauseChange(registry, NAME, true);
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  one.from = ({ reason }) => reason === 'people want it';
  await refused;
  await vi.waitFor(async () => expect(await primaryOf(registry)).toBe(B), PATIENCE);
});

it('has a change that is under way wait for a dead shard no more, and fails over behind it', async () => {
  const { open, registry, one, nodes, faults } = await led();
  one.from = ({ lost }) => !lost.includes('s0');
  const current = (await registry.topologies.read(NAME)) as Topology;
  const wanted = { ...current, version: null, shards: [...current.shards].reverse() };
  const changing = changeTopology(open(), wanted, { reason: 'people want it', ...WHO });
  await reached(registry, ({ step }) => step === 'stage');
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  await changing;
  await vi.waitFor(
    async () =>
      expect(nodesOf((await registry.topologies.read(NAME)) as Topology).map(({ id }) => id)).toEqual([C, B, A]),
    PATIENCE,
  );
  expect(faults).toContainEqual(expect.stringContaining('a change of the topology is under way'));
});

it('tells a primary nothing that follows its replica while that was still seen to follow it', async () => {
  const { nodes } = await led();
  nodes.sights.set(A, { kind: 'well', state: { ...REPLICA, follows: B } });
  const before = nodes.told.length;
  await vi.waitFor(() => expect(nodes.told.length).toBeGreaterThan(before + 10), PATIENCE);
  expect(nodes.told.filter(([id, { role }]) => id === A && role === 'replica')).toEqual([]);
});

it('moves no slot of a shard that is failed over, and tells its new primary which are on their way once that is stored', async () => {
  const { registry, one, nodes } = await led();
  const queue = new StoredQueue(registry, NAME);
  const move = { from: 's0', to: 's1', slots: [[0, 9]] as const, withData: true, keysPerSecond: null };
  const open = { moving: [[0, 1]], settling: [], run: 'r' } as const;
  await queue.change((now) => changed(queued(now, [move]), 1, (each) => ({ ...each, open })), null);
  await vi.waitFor(() => expect(nodes.batches.size).toBe(1), PATIENCE);
  one.from = () => true;
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  const { to } = await reached(registry, ({ step }) => step === 'stage');
  expect(nodes.batches.size).toBe(0);
  await queue.change(
    (now) => changed(now, 1, (each) => ({ ...each, open: { ...open, moving: [[1, 1]], settling: [[0, 0]] } })),
    null,
  );
  one.from = () => false;
  await one.look();
  await vi.waitFor(() => expect(nodes.since(to).some(([id]) => id === B)).toBe(true), PATIENCE);
  expect(nodes.moving.get(B)).toEqual([
    { slot: 1, from: 's0', to: 's1', isSettling: false },
    { slot: 0, from: 's0', to: 's1', isSettling: true },
  ]);
});

it('fails nothing over while it cannot read what is on its way', async () => {
  const { registry, nodes, faults } = await led();
  await registry.documents.put(`migrations/${NAME.namespace}/${NAME.cluster}`, { of: 'a later release' }, 0);
  nodes.sights.set(A, { kind: 'silent', reason: 'ECONNREFUSED' });
  await vi.waitFor(() => expect(faults).toContainEqual(expect.stringContaining('nothing is failed over')), PATIENCE);
  const looked = faults.length;
  await vi.waitFor(() => expect(faults.length).toBeGreaterThan(looked + 10), PATIENCE);
  expect(await primaryOf(registry)).toBe(A);
});

it('goes on once it can read the topology again', async () => {
  const { store, nodes, faults } = await led();
  const raw = store.open();
  scope.defer(() => raw.close());
  const key = `version/${NAME.namespace}/${NAME.cluster}/0000000000000001`;
  const entry = await raw.get(key);
  await raw.commit([], [{ key, value: '{}' }]);
  await vi.waitFor(() => expect(faults).toContainEqual(expect.stringContaining('cannot be read')), PATIENCE);
  const before = nodes.told.length;
  await raw.commit([], [{ key, value: entry?.value ?? null }]);
  await vi.waitFor(() => expect(nodes.told.length).toBeGreaterThan(before + 10), PATIENCE);
});

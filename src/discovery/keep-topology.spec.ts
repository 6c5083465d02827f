import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEFAULT_NAMESPACE, Registry, SqliteStore } from '../registry/index.ts';
import { checkTopology } from '../topology/index.ts';
import type { FoundShard } from './found-shards.ts';
import { keepTopology, type NewCluster } from './keep-topology.ts';

const NAME = { namespace: DEFAULT_NAMESPACE, cluster: 'docs' };
const clock = () => performance.now();
let folder = '';
let registry: Registry;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
  registry = new Registry(new SqliteStore(join(folder, 'registry.sqlite'), clock), {
    clock,
    timeOfDay: () => '',
    random: Math.random,
  });
});
afterEach(async () => {
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (id: string, port: number): FoundShard => ({ id, address: `127.0.0.1:${port}` });

/** Keeps the cluster as it is found, and then found again. @returns what was reported to people */
async function found(
  lists: ReadonlyArray<readonly FoundShard[]>,
  takesOver = false,
  fresh: NewCluster = { placement: { ringHash: {} }, hashOn: 'id' },
): Promise<string[]> {
  const faults: string[] = [];
  const stopping = new AbortController();
  await keepTopology(
    registry,
    NAME,
    async function* () {
      yield* lists;
      stopping.abort();
    },
    fresh,
    { candidate: 'test', clock, takesOver },
    { onCommitted: () => {}, onFault: (message) => faults.push(message), onTerm: () => {} },
    stopping.signal,
  );
  return faults;
}

async function byHand(...shards: readonly FoundShard[]): Promise<void> {
  const document = { ...NAME, placement: { ringHash: {} }, shards };
  await registry.topologies.commit(checkTopology(document, 'the test'));
}

async function addresses(): Promise<string[]> {
  const topology = await registry.topologies.read(NAME);
  return topology?.shards.map(({ id, address }) => `${id}=${address}`) ?? [];
}

it('replaces what it has put there itself, even after a restart', async () => {
  expect(await found([[at('s0', 1), at('s1', 2)]])).toEqual([]);
  expect(await found([[at('s1', 3), at('s2', 4)]])).toEqual([]);
  expect(await addresses()).toEqual(['s1=127.0.0.1:3', 's2=127.0.0.1:4']);
});

it('adds to shards that were put there by hand, and replaces them only when told to', async () => {
  await byHand(at('s0', 1), at('s1', 2));
  expect(await found([[at('s0', 1), at('s1', 2), at('s2', 3)]])).toEqual([]);
  expect(await addresses()).toEqual(['s0=127.0.0.1:1', 's1=127.0.0.1:2', 's2=127.0.0.1:3']);
  const [fault, ...more] = await found([[at('s0', 9), at('s2', 4)]]);
  expect([fault, more]).toEqual([expect.stringMatching(/^s0, s1: added by hand.*--take-over/), []]);
  expect(await addresses()).toHaveLength(3);
  expect(await found([[at('s0', 9), at('s2', 4)]], true)).toEqual([]);
  expect(await addresses()).toEqual(['s0=127.0.0.1:9', 's2=127.0.0.1:4']);
  // From then on they are its own.
  expect(await found([[at('s2', 4)]])).toEqual([]);
  expect(await addresses()).toEqual(['s2=127.0.0.1:4']);
});

it('tries again what was refused, once people have made room for it, and tells of it once', async () => {
  await byHand(at('s0', 1));
  const stopping = new AbortController();
  const faults: string[] = [];
  const makeRoom = (message: string): void => {
    faults.push(message);
    void byHand(at('s1', 2));
  };
  await keepTopology(
    registry,
    NAME,
    // As sources do, it tells of what it has found once.
    async function* (signal) {
      yield [at('s1', 2), at('s2', 3)];
      await once(signal, 'abort');
    },
    { placement: { ringHash: {} }, hashOn: 'id' },
    { candidate: 'test', clock, takesOver: false },
    { onCommitted: () => stopping.abort(), onFault: makeRoom, onTerm: () => {} },
    stopping.signal,
  );
  expect(await addresses()).toEqual(['s1=127.0.0.1:2', 's2=127.0.0.1:3']);
  expect(faults).toEqual([expect.stringMatching(/^s0: added by hand/)]);
});

it('keeps slots, node ids and replicas as they are found', async () => {
  const [primary, replica] = ['a', 'b'].map((letter) => letter.repeat(40)) as [string, string];
  const shard = { ...at('s0', 1), nodeId: primary, slots: '0-16383', replicas: [{ id: replica, address: 'h:2' }] };
  const fresh = { placement: { slots: {} }, hashOn: 'id', consistency: 'eventual' } as const;
  expect(await found([[shard]], false, fresh)).toEqual([]);
  const before = await registry.topologies.read(NAME);
  expect(before).toMatchObject({ consistency: 'eventual', shards: [{ nodeId: primary, slots: [[0, 16383]] }] });
  const promoted = { ...shard, address: 'h:2', nodeId: replica, replicas: [{ id: primary, address: 'h:1' }] };
  expect(await found([[promoted]], false, fresh)).toEqual([]);
  const { id, address, nodeId, replicas } = (await registry.topologies.read(NAME))?.shards[0] ?? {};
  expect([id, address, nodeId, replicas]).toEqual(['s0', 'h:2', replica, [{ id: primary, address: 'h:1' }]]);
});

import { afterEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import type { Registry } from '../registry/index.ts';
import { checkTopology, type PositionRange, type TopologyDraft } from '../topology/index.ts';
import { LeftUnfinished, RegisteredOwnership } from './registered-ownership.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const LEASE_MS = 300;

/** What a shard does about what it has lost: it takes as long as the test says. */
class LettingGo {
  /** Of the keys that it was called for, each time. */
  readonly positions: Array<PositionRange | undefined> = [];
  #gate = Promise.withResolvers<void>();

  constructor() {
    this.#gate.resolve();
  }

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate.resolve();
  }

  onLost(positions: PositionRange | undefined): Promise<void> {
    this.positions.push(positions);
    return this.#gate.promise;
  }
}

function draft(count: number): TopologyDraft {
  const document = { ...NAME, placement: { fixedRing: {} }, failover: { after: '100ms' } };
  const shards = Array.from({ length: count }, (_, i) => ({ id: `s${i}`, address: `10.0.0.${i + 1}:1` }));
  return checkTopology({ ...document, shards }, 'the test');
}

/** The one shard of a cluster, which serves, and another's sight of the registry. */
async function serving(leaseMs = LEASE_MS): Promise<{
  registry: Registry;
  ownership: RegisteredOwnership;
  lettingGo: LettingGo;
  store: FaultyStore;
  others: Registry;
}> {
  const under = await sqlite(scope);
  const others = registryOn(under.open(), scope);
  await others.topologies.commit(draft(1));
  const store = new FaultyStore(under.open());
  const lettingGo = new LettingGo();
  const identity = { name: NAME, shard: 's0', address: '10.0.0.1:1', nodeId: 'n', leaseMs };
  const registry = registryOn(store, scope);
  const ownership = new RegisteredOwnership(
    registry,
    { ...identity, process: { host: 'here', pid: process.pid } },
    clock,
    { onVersion: () => {}, onLost: (_, positions) => lettingGo.onLost(positions) },
  );
  await ownership.start();
  await vi.waitFor(() => expect(ownership.holds).toBe(true), PATIENCE);
  return { registry, ownership, lettingGo, store, others };
}

const isEnded = async (others: Registry): Promise<boolean | undefined> =>
  (await others.handoffs.read(NAME)).nodes[0]?.ended;

it('reports that it has ended only once all that was under way has', async () => {
  const { ownership, lettingGo, others } = await serving();
  lettingGo.hold();
  const stopped = ownership.stop();
  expect(ownership.holds).toBe(false);
  const looks = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await others.members.list('node');
  };
  await Promise.race([stopped, looks()]);
  expect(await isEnded(others)).toBe(false);
  lettingGo.release();
  await stopped;
  expect(await isEnded(others)).toBe(true);
});

it('serves by its next lease only once nothing is left of what it lost with the one before', async () => {
  const { ownership, lettingGo, store, others } = await serving();
  scope.defer(() => ownership.stop());
  lettingGo.hold();
  store.cut();
  await vi.waitFor(() => expect(ownership.holds).toBe(false), PATIENCE);
  await vi.waitFor(async () => expect(await others.members.list('node')).toEqual([]), PATIENCE);
  store.mend();
  await vi.waitFor(async () => expect(await others.members.list('node')).toHaveLength(1), PATIENCE);
  let renewals = 0;
  store.onCall = (method) => {
    if (method === 'renewLease') renewals++;
  };
  // It has had the time to serve.
  await vi.waitFor(() => expect(renewals).toBeGreaterThan(5), PATIENCE);
  expect([ownership.holds, ownership.admit('a', null)]).toEqual([false, expect.objectContaining({ kind: 'unknown' })]);
  lettingGo.release();
  await vi.waitFor(() => expect(ownership.holds).toBe(true), PATIENCE);
});

it('leaves though what it has under way does not end, and does not say that it has', async () => {
  const { registry, ownership, lettingGo, others } = await serving();
  lettingGo.hold();
  await expect(ownership.stop(50)).rejects.toThrow(LeftUnfinished);
  await registry.close();
  // Its lease runs out.
  await vi.waitFor(async () => expect(await others.members.list('node')).toEqual([]), PATIENCE);
  expect(await isEnded(others)).toBe(false);
});

it('has no more looked at than what it may have lost since all was over that it had lost before', async () => {
  const { ownership, lettingGo, others } = await serving(60_000);
  scope.defer(() => ownership.stop());
  const [none, all] = [
    { from: 0, until: 0 },
    { from: 0, until: 1 },
  ];
  const isCalledFor = async (...positions: Array<PositionRange | undefined>): Promise<void> => {
    await vi.waitFor(() => expect(lettingGo.positions).toEqual(positions), PATIENCE);
    lettingGo.positions.length = 0;
  };
  lettingGo.positions.length = 0;
  const staged = await others.handoffs.stage(draft(2), {}, 'the test');
  await isCalledFor(none);
  const fence = { attempt: staged.attempt, isUp: true };
  const held = await others.handoffs.advance(NAME, staged, { step: 'hold', fence });
  await isCalledFor(all);
  await others.handoffs.abort(NAME, held as typeof staged, 'the test');
  await isCalledFor(none);
  // It is not known what has become of what was lost before.
  lettingGo.hold();
  const again = await others.handoffs.stage(draft(2), {}, 'the test');
  await isCalledFor(none);
  await others.handoffs.abort(NAME, again, 'the test');
  await isCalledFor(undefined);
  lettingGo.release();
});

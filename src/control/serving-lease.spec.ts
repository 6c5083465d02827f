import { afterEach, describe, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, type StoreUnderTest, sqlite } from '../../test/support/registries.ts';
import { ClusterFollower, changeTopology } from '../handoff/index.ts';
import { type Acknowledgement, type Membership, newInstance, qualified, type Registry } from '../registry/index.ts';
import { checkTopology, type TopologyDraft } from '../topology/index.ts';
import { KeptTopologies } from './kept-topologies.ts';
import { newServesUntil, ServingLease } from './serving-lease.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const CLUSTER = 'default/docs';
const LEASE_MS = 600;
const S0 = { id: 's0', address: '10.0.0.1:1' };
const S1 = { id: 's1', address: '10.0.0.2:1' };

function draft(shards: ReadonlyArray<typeof S0>, more: object = {}): TopologyDraft {
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards, ...more }, 'the test');
}

/** A router without its threads: what it may serve, by its link to the registry. */
class Router {
  readonly link: FaultyStore;
  readonly instance = newInstance();
  readonly #until = newServesUntil();
  readonly #folder: string | null;
  readonly #follower: ClusterFollower;
  readonly #lease: ServingLease;
  readonly #membership: Membership;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #version: number | null = null;
  #acknowledged: Acknowledgement | null = null;

  /** @param folder where it keeps what it serves; null: nowhere */
  constructor(store: StoreUnderTest, folder: string | null = scope.folder()) {
    this.link = new FaultyStore(store.open());
    this.#folder = folder;
    const registry = registryOn(this.link, scope);
    this.#follower = new ClusterFollower(
      registry,
      folder === null ? null : new KeptTopologies(folder),
      'docs',
      NAME,
      (event) => {
        if (event.kind !== 'routing') return;
        this.#version = event.table?.version ?? null;
        const { staged } = event;
        this.#acknowledged = staged === null ? null : { to: staged.to, attempt: staged.attempt, step: staged.step };
        setImmediate(() => {
          this.#follower.carriedOut(event.id);
          void this.#membership.update(this.#value());
        });
      },
    );
    const self = qualified('r', this.instance);
    this.#lease = new ServingLease(registry, this.#follower, self, this.#until, clock, () => {});
    this.#membership = registry.members.register(
      'router',
      'r',
      this.#value(),
      LEASE_MS,
      (lease) => {
        lease.onExtended = () => this.#lease.extended();
        void this.#lease.onRegistered(lease);
      },
      this.instance,
    );
    this.#running = this.#follower.run(this.#stopping.signal);
    scope.defer(() => this.crash());
  }

  #value() {
    const acknowledged = this.#acknowledged === null ? {} : { [CLUSTER]: this.#acknowledged };
    return { versions: { [CLUSTER]: this.#version ?? 0 }, acknowledged, admin: { host: '', port: 0 }, listen: [] };
  }

  /** What it serves at this moment; null: nothing. */
  get serves(): number | null {
    return clock() < (this.#until[0] as number) ? this.#version : null;
  }

  get needsLease(): boolean {
    return this.#until[0] !== Number.POSITIVE_INFINITY;
  }

  async servesWithoutLease(version: number): Promise<void> {
    await vi.waitFor(() => expect([this.serves, this.needsLease]).toEqual([version, false]), PATIENCE);
  }

  async servesByLease(version: number): Promise<void> {
    await vi.waitFor(() => expect([this.serves, this.needsLease]).toEqual([version, true]), PATIENCE);
  }

  /** Ends as a process that is killed: no other process hears of it. @returns the folder that it leaves */
  async crash(): Promise<string | null> {
    this.link.cut();
    this.#stopping.abort();
    await this.#running;
    await this.#membership.leave();
    await this.link.close();
    return this.#folder;
  }

  async stop(): Promise<string | null> {
    await this.#lease.stop();
    await this.#membership.leave();
    this.#stopping.abort();
    await this.#running;
    return this.#folder;
  }
}

/** A process of a shard, as far as the registry can tell. */
async function node(registry: Registry, shard: typeof S0, fencing: boolean) {
  const forever = new AbortController().signal;
  const rights = registry.handoffs.ownRights(
    NAME,
    { shard: shard.id, nodeId: 'n', instance: newInstance() },
    { fencing, address: shard.address, beyondLeaseMs: 0, ended: false, process: '' },
  );
  await rights.claim(forever, () => false);
  return { end: () => rights.change({ ended: true }, forever) };
}

async function setUp(first: TopologyDraft) {
  const store = await sqlite(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(first);
  const change = (to: TopologyDraft): Promise<unknown> =>
    changeTopology(registry, to, { reason: 'a test', candidate: 'me', clock, patienceMs: 300 });
  const gone = (): Promise<void> =>
    vi.waitFor(async () => expect(await registry.members.list('router')).toEqual([]), PATIENCE);
  return { store, registry, change, gone };
}

const EVENTUAL = { consistency: 'eventual' };
const IN_THE_WAY = /router r\.[0-9a-f]{16} is away, and may serve version \d+ for as long as it runs/;

describe('a router that is away and needs no lease by what it knows', () => {
  it('lets its cluster become strict if no key has moved meanwhile, and then holds up changes that take keys from it', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store);
    await router.servesWithoutLease(1);
    router.link.cut();
    await gone();
    expect(router.serves).toBe(1);
    await change(draft([S0, S1]));
    await expect(change(draft([S0]))).rejects.toThrow(IN_THE_WAY);
    expect((await registry.topologies.read(NAME))?.version).toBe(2);
    // Back, it serves by its lease, as it has to in a strict cluster.
    router.link.mend();
    await router.servesByLease(2);
    await vi.waitFor(async () => expect((await registry.handoffs.read(NAME)).autonomous).toEqual([]), PATIENCE);
    await change(draft([S0]));
    await router.servesByLease(3);
  });

  it('keeps its cluster from becoming strict if keys have moved without its knowledge', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store);
    await router.servesWithoutLease(1);
    router.link.cut();
    await gone();
    await change(draft([S0], EVENTUAL));
    await expect(change(draft([S0]))).rejects.toThrow(IN_THE_WAY);
    const { instance } = router;
    await router.crash();
    // People know that it has ended.
    await registry.handoffs.forgetAutonomous(NAME, qualified('r', instance));
    await change(draft([S0]));
  });

  it('is waited for across its restarts from what it kept, and goes on by that only while it is', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const first = new Router(store);
    await first.servesWithoutLease(1);
    const folder = await first.crash();
    await gone();
    // The next process there finds no registry: it serves in the name of the one before.
    const cut: StoreUnderTest = {
      ...store,
      open: () => {
        const link = new FaultyStore(store.open());
        link.cut();
        return link;
      },
    };
    const second = new Router(cut, folder);
    await second.servesWithoutLease(1);
    await change(draft([S0, S1]));
    await expect(change(draft([S0]))).rejects.toThrow(IN_THE_WAY);
    await second.crash();
    // And the one after it does: it gives the name of the first one up.
    const third = new Router(store, folder);
    await third.servesByLease(2);
    await vi.waitFor(async () => expect((await registry.handoffs.read(NAME)).autonomous).toEqual([]), PATIENCE);
    // It stopped in order: nothing is left by which a router could serve.
    await third.stop();
    const fourth = new Router(cut, folder);
    await change(draft([S0]));
    expect(fourth.serves).toBeNull();
  });

  it('leaves nothing behind when it is killed and comes back before its lease has ended', async () => {
    const { store, registry } = await setUp(draft([S0, S1], EVENTUAL));
    const first = new Router(store);
    await first.servesWithoutLease(1);
    const second = new Router(store, await first.crash());
    const waitedFor = async () => (await registry.handoffs.read(NAME)).autonomous.map(({ instance }) => instance);
    await vi.waitFor(async () => expect(await waitedFor()).toEqual([first.instance, second.instance].sort()), PATIENCE);
    await vi.waitFor(async () => expect(await waitedFor()).toEqual([second.instance]), PATIENCE);
  });

  it('takes back again what a write that was late has put there behind it', async () => {
    const { store, change } = await setUp(draft([S0, S1], EVENTUAL));
    const link = store.open();
    const router = new Router(store);
    await router.servesWithoutLease(1);
    const [claim] = (await link.list(`handoff/${CLUSTER}/router/`)).entries;
    if (claim === undefined) throw new Error('there is no claim');
    await change(draft([S0, S1]));
    await router.servesByLease(2);
    const isGone = async () => expect(await link.get(claim.key)).toBeNull();
    await vi.waitFor(isGone, PATIENCE);
    await link.commit([{ key: claim.key, revision: 0 }], [{ key: claim.key, value: claim.value }]);
    await vi.waitFor(isGone, PATIENCE);
    await router.stop();
  });

  it('leaves nothing behind when it stops in order', async () => {
    const { store, registry, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store);
    await router.servesWithoutLease(1);
    await router.stop();
    await gone();
    expect((await registry.handoffs.read(NAME)).autonomous).toEqual([]);
  });

  it('leaves nothing behind when it stops in order and the store does not answer at first', async () => {
    const { store, registry } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store);
    await router.servesWithoutLease(1);
    let lost = 0;
    router.link.fate = (_, changes) => {
      const isRemoval = changes.some(({ key, value }) => key.includes('/router/') && value === null);
      return isRemoval && ++lost <= 2 ? 'lost' : 'done';
    };
    await router.stop();
    expect([lost, (await registry.handoffs.read(NAME)).autonomous]).toEqual([3, []]);
  });

  it('harms nobody where all shards refuse what they have lost, until one is replaced by what does not', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1]));
    const [, fencing] = [await node(registry, S0, true), await node(registry, S1, true)];
    const router = new Router(store);
    await router.servesWithoutLease(1);
    router.link.cut();
    await gone();
    await fencing.end();
    await node(registry, S1, false);
    await expect(change(draft([S0]))).rejects.toThrow(IN_THE_WAY);
    router.link.mend();
    await router.servesByLease(1);
  });

  it('has none that it would leave behind where it keeps nothing on disk: it serves by its lease alone', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store, null);
    await router.servesByLease(1);
    await router.crash();
    await gone();
    expect((await registry.handoffs.read(NAME)).autonomous).toEqual([]);
    await change(draft([S0]));
  });

  it('has to be back, or known to have ended, before a deleted cluster is created again', async () => {
    const { store, registry, change, gone } = await setUp(draft([S0, S1], EVENTUAL));
    const router = new Router(store);
    await router.servesWithoutLease(1);
    router.link.cut();
    await gone();
    await registry.topologies.delete(NAME);
    await expect(change(draft([S0]))).rejects.toThrow(/may still serve what was deleted at version 1/);
    router.link.mend();
    await vi.waitFor(() => change(draft([S0])), PATIENCE);
    await router.servesByLease(2);
  });
});

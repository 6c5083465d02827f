import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HandoffDriver } from '../../src/handoff/index.ts';
import { type Registry, type Store, type StoredHandoff, StoreUnavailable } from '../../src/registry/index.ts';
import { SqliteStore } from '../../src/registry/store/sqlite-store.ts';
import { Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn } from '../support/registries.ts';
import { draft, Follower } from './reported-topologies.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const LEASE_MS = 300;
/** Longer than any lease of these tests. */
const ACTS_MS = 60_000;

/** A store whose file, under the clients that have it open, is taken away and put back as it was. */
class Restorable {
  readonly #folder = scope.folder();
  #files = 0;
  #file = this.#next();
  #under = new SqliteStore(this.#file, clock);
  #backup = this.#next();

  #next(): string {
    return join(this.#folder, `registry-${this.#files++}.sqlite`);
  }

  /** A client that reaches whatever file is there, as one does over a network. */
  client(): Store {
    const closed = new AbortController();
    const watches = new Set<() => void>();
    this.#onLost.add(() => {
      for (const end of [...watches]) end();
    });
    return {
      get: (key) => this.#under.get(key),
      list: (prefix) => this.#under.list(prefix),
      commit: (conditions, changes) => this.#under.commit(conditions, changes),
      watch: (prefix, after, watcher) => {
        const stop = this.#under.watch(prefix, after, watcher);
        const end = (): void => {
          stop();
          if (watches.delete(end))
            watcher.onEnded({ kind: 'lost', cause: new StoreUnavailable('of the test', new Error('restored')) });
        };
        watches.add(end);
        return () => {
          watches.delete(end);
          stop();
        };
      },
      recall: (seen) => this.#under.recall(seen),
      grantLease: (lengthMs) => this.#under.grantLease(lengthMs),
      renewLease: (lease) => this.#under.renewLease(lease),
      revokeLease: (lease) => this.#under.revokeLease(lease),
      closed: closed.signal,
      close: async () => closed.abort(),
    };
  }

  readonly #onLost = new Set<() => void>();

  backUp(): void {
    void this.#under.close();
    copyFileSync(this.#file, this.#backup);
    this.#under = new SqliteStore(this.#file, clock);
    this.breakWatches();
  }

  /** In one turn: nobody finds it closed. `in place`: the file keeps its number, as `cp` over it leaves it. */
  restore(how: Restoring): void {
    void this.#under.close();
    if (how === 'in place') {
      for (const part of ['-wal', '-shm']) rmSync(this.#file + part, { force: true });
      copyFileSync(this.#backup, this.#file);
    } else {
      this.#file = this.#next();
      if (how === 'a copy') copyFileSync(this.#backup, this.#file);
    }
    this.#under = new SqliteStore(this.#file, clock);
  }

  breakWatches(): void {
    for (const tell of this.#onLost) tell();
  }

  async close(): Promise<void> {
    await this.#under.close();
  }
}

type Restoring = 'a copy' | 'in place' | 'lost';

function open(store: Restorable): Registry {
  return registryOn(store.client(), scope);
}

function restorable(): Restorable {
  const store = new Restorable();
  scope.defer(() => store.close());
  return store;
}

/** Work until a backup, and after it. */
async function lived(store: Restorable): Promise<Registry> {
  const registry = open(store);
  for (const shard of ['a', 'b', 'c']) await registry.topologies.commit(draft(shard));
  store.backUp();
  for (const shard of ['d', 'e', 'f']) await registry.topologies.commit(draft(shard));
  return registry;
}

describe.each(['a copy', 'in place', 'lost'] as const)('a registry that is restored: %s', (how) => {
  it('brings those that were ahead back to its own state, by a version that nobody has known', async () => {
    const store = restorable();
    const registry = await lived(store);
    const ahead = new Follower(scope, registry);
    await ahead.reports('f@6');
    store.restore(how);
    store.breakWatches();
    if (how === 'lost') await open(store).topologies.commit(draft('c'));
    const fresh = new Follower(scope, open(store));
    await Promise.all([ahead.reports('c@7'), fresh.reports('c@7')]);
    // And goes on from there.
    await registry.topologies.commit(draft('g'));
    await Promise.all([ahead.reports('g@8'), fresh.reports('g@8')]);
  });

  it('is noticed by a client that was cut off while as many changes were made again', async () => {
    const store = restorable();
    const registry = await lived(store);
    const ahead = new Follower(scope, registry);
    await ahead.reports('f@6');
    store.restore(how);
    const other = open(store);
    const raw = store.client();
    for (let i = 0; i < 50; i++) await raw.commit([], [{ key: 'other', value: `${i}` }]);
    await other.topologies.commit(draft('x'));
    expect((await raw.list('')).revision).toBeGreaterThan(50);
    store.breakWatches();
    await ahead.reports('x@7');
  });

  it('ends leases and terms at once, and gives larger tokens', async () => {
    const store = restorable();
    const registry = await lived(store);
    const signal = new AbortController();
    const term = await registry.elections.campaign('e', 'a', 60_000, signal.signal);
    const follower = new Follower(scope, registry);
    await follower.reports('f@6');
    store.restore(how);
    store.breakWatches();
    await vi.waitFor(() => expect(term?.isLeading).toBe(false), PATIENCE);
    const next = await open(store).elections.campaign('e', 'b', 60_000, signal.signal);
    expect(next?.token).toBeGreaterThan(term?.token as number);
    await next?.resign();
  });

  it('gives leave once nobody can go by what was before', async () => {
    const store = restorable();
    const registry = await lived(store);
    let leases = 0;
    const value = { versions: {} };
    const member = registry.members.register('router', 'r1', value, LEASE_MS, () => leases++);
    scope.defer(() => member.leave());
    await member.ready;
    const follower = new Follower(scope, registry);
    await follower.follower.confirmed(AbortSignal.timeout(5000));
    store.restore(how);
    store.breakWatches();
    await vi.waitFor(() => expect(leases).toBe(2), PATIENCE);
    if (how === 'lost') await open(store).topologies.commit(draft('c'));
    // Whoever comes anew waits as well.
    const fresh = new Follower(scope, open(store));
    const raw = store.client();
    const settling: boolean[] = [];
    const isSettling = async (): Promise<void> => {
      settling.push((await raw.get('incarnation/settling')) !== null);
    };
    await isSettling();
    await Promise.all(
      [follower, fresh].map((each) => each.follower.confirmed(AbortSignal.timeout(20_000)).then(isSettling)),
    );
    expect(settling).toEqual([true, false, false]);
    await Promise.all([follower.reports('c@7'), fresh.reports('c@7')]);
  });

  it('settles for as long as any process has recorded that it may act, whichever notices', async () => {
    const store = restorable();
    const registry = await lived(store);
    const other = open(store);
    await other.incarnation();
    expect(await other.topologies.list(null)).toHaveLength(1);
    await registry.recordLongestLease(ACTS_MS, AbortSignal.timeout(5000));
    await other.incarnation();
    store.restore(how);
    await other.incarnation();
    const entry = await store.client().get('incarnation/current');
    expect(JSON.parse(entry?.value ?? '{}')).toMatchObject({ longestLeaseMs: ACTS_MS });
    expect(await store.client().get('incarnation/settling')).not.toBeNull();
  });
});

it('is read again by a member that has seen nothing since the backup, once another one notices', async () => {
  const store = restorable();
  const registry = await lived(store);
  store.restore('in place');
  const fresh = new Follower(scope, open(store));
  await fresh.reports('c@3');
  await registry.incarnation();
  const until = AbortSignal.timeout(5000);
  await fresh.follower.confirmed(until);
  expect(until.aborted).toBe(false);
});

it('is the same registry where it was only started again', async () => {
  const store = restorable();
  const registry = await lived(store);
  const term = await registry.elections.campaign('e', 'a', 60_000, new AbortController().signal);
  const follower = new Follower(scope, registry);
  await follower.reports('f@6');
  store.backUp();
  await registry.topologies.commit(draft('g'));
  await follower.reports('g@7');
  expect(term?.isLeading).toBe(true);
  await term?.resign();
});

it('is the same registry where the entry that says so is broken, or taken away', async () => {
  const store = restorable();
  const registry = await lived(store);
  const term = await registry.elections.campaign('e', 'a', 60_000, new AbortController().signal);
  const follower = new Follower(scope, registry);
  await follower.reports('f@6');
  const raw = store.client();
  const before = await raw.get('incarnation/current');
  for (const value of ['garbage', '{}', null]) {
    await raw.commit([], [{ key: 'incarnation/current', value }]);
    await vi.waitFor(async () => {
      expect((await raw.get('incarnation/current'))?.value).toBe(before?.value);
    }, PATIENCE);
  }
  expect(term?.isLeading).toBe(true);
  await term?.resign();
});

describe.each(['hold', 'drain'] as const)('a registry that is restored from the middle of a handoff: %s', (step) => {
  it('gives the handoff up, though no version was lost: what was said of it may be of later', async () => {
    const store = restorable();
    const registry = open(store);
    await registry.topologies.commit(draft('a'));
    const staged = await registry.handoffs.stage(draft('b'), {}, 'the test', [], undefined, 'new');
    const drained = (await registry.handoffs.advance(NAME, staged, { step: 'drain' })) as StoredHandoff;
    if (step === 'hold') await registry.handoffs.advance(NAME, drained, { step });
    const follower = new Follower(scope, registry);
    // As far as the registry will have forgotten, it holds.
    const acknowledged = { 'default/docs': { to: staged.to, attempt: staged.attempt, step: 'hold' } };
    const value = { versions: { 'default/docs': 1 }, acknowledged };
    const member = registry.members.register('router', 'r1', value, ACTS_MS);
    scope.defer(() => member.leave());
    await member.ready;
    store.backUp();
    await registry.namespaces.create('forgotten');
    await follower.reports('a@1');
    store.restore('a copy');
    store.breakWatches();
    await registry.incarnation();
    const stopping = new AbortController();
    const driving = new HandoffDriver(registry, NAME, clock).run(stopping.signal);
    await vi.waitFor(async () => {
      const { handoff } = await registry.handoffs.read(NAME);
      expect(handoff).toMatchObject({ step: 'aborted', reason: 'the registry went back to what it was before' });
    }, PATIENCE);
    expect(await registry.topologies.read(NAME)).toMatchObject({ version: 1 });
    stopping.abort();
    await driving;
  });
});

import { describe, expect, it, vi } from 'vitest';
import {
  NamespaceError,
  type Revision,
  StoreRefused,
  StoreUnavailable,
  type Topologies,
  type TopologyEvent,
  VersionConflict,
} from '../../src/registry/index.ts';
import type { TopologyDraft, TopologyVersion } from '../../src/topology/index.ts';
import { eventually } from '../support/cluster.ts';
import type { Scope } from '../support/processes.ts';
import { Collected, PATIENCE, registryOn, type StoreUnderTest } from '../support/registries.ts';

const NAME = { namespace: 'default', cluster: 'docs' };
const version = (number: number): TopologyVersion => number as TopologyVersion;

/** A topology whose content tells which it is. */
export function draft(weight: number, at: number | null = null): TopologyDraft {
  return {
    namespace: NAME.namespace,
    name: NAME.cluster,
    version: at === null ? null : version(at),
    placement: { name: 'fixedRing', options: { entriesPerWeight: 16 } },
    hashOn: 'id',
    shards: [{ id: 's0', address: '127.0.0.1:9101', weight }],
  };
}

function versionsOf(events: readonly TopologyEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'topology' ? [event.topology.version] : []));
}

/** Commits until it is acknowledged. After an outage nobody knows whether the last attempt was carried out. */
async function commitThrough(topologies: Topologies, wanted: TopologyDraft): Promise<void> {
  let outcomeUnknown = false;
  await eventually(async () => {
    try {
      await topologies.commit(wanted);
      return true;
    } catch (error) {
      if (outcomeUnknown && error instanceof VersionConflict && error.current === wanted.version) return true;
      if (!(error instanceof StoreUnavailable)) throw error;
      outcomeUnknown = true;
      return false;
    }
  });
}

export type StartStore = (scope: Scope) => Promise<StoreUnderTest>;

/** Stores of a kind; where they are served from the test's own process, besides those that can be killed and stopped. */
export type StartStores = readonly [start: StartStore, startApart?: StartStore];

/** What a registry promises, whatever its store. */
export function describeRegistries(scope: Scope, stores: Readonly<Record<string, StartStores>>): void {
  describe.each(Object.entries(stores))(
    'a registry on %s',
    (_name, [start, startApart = start]) => {
      it('takes only newer versions unless forced, and only from the expected one', async () => {
        const store = await start(scope);
        const { topologies } = registryOn(store.open(), scope);
        const other = registryOn(store.open(), scope).topologies;
        expect(await topologies.read(NAME)).toBeNull();
        expect((await topologies.commit(draft(1), { expected: null })).version).toBe(1);
        expect((await topologies.commit(draft(2), { expected: version(1) })).version).toBe(2);
        expect(await other.read(NAME)).toEqual({ ...draft(2), version: 2 });
        await expect(other.commit(draft(3), { expected: version(1) })).rejects.toThrow(VersionConflict);
        await expect(other.commit(draft(3), { expected: null })).rejects.toThrow('exists already: it is at version 2');
        await expect(other.commit(draft(3, 2))).rejects.toThrow('version 2 is not newer than 2');
        expect((await other.commit(draft(3, 9))).version).toBe(9);
        // By force as well versions only grow: what is of an earlier one is refused.
        expect((await topologies.commit(draft(4, 3), { force: true })).version).toBe(10);
        expect((await topologies.commit(draft(4, 12), { force: true })).version).toBe(12);
        expect(await other.read(NAME)).toEqual({ ...draft(4), version: 12 });
        const atOnce = [topologies, other].flatMap((each) => [5, 6, 7].map((weight) => each.commit(draft(weight))));
        const versions = (await Promise.all(atOnce)).map((each) => each.version);
        expect(versions.sort((a, b) => a - b)).toEqual([13, 14, 15, 16, 17, 18]);
      });

      it('keeps past versions, and continues counting after a deletion', async () => {
        const store = await start(scope);
        const { topologies, namespaces } = registryOn(store.open(), scope);
        for (const weight of [1, 2, 3]) await topologies.commit(draft(weight));
        expect((await topologies.history(NAME)).map((each) => each.version)).toEqual([3, 2, 1]);
        expect(await topologies.readVersion(NAME, version(1))).toEqual({ ...draft(1), version: 1 });
        expect(await topologies.delete(NAME)).toBe(true);
        expect(await topologies.delete(NAME)).toBe(false);
        expect(await topologies.read(NAME)).toBeNull();
        expect(await topologies.list(null)).toEqual([]);
        expect((await topologies.commit(draft(4), { expected: null })).version).toBe(4);
        await namespaces.create('team');
        await expect(namespaces.create('team')).rejects.toThrow('exists already');
        await topologies.commit({ ...draft(1), namespace: 'team' });
        expect(await topologies.list(null)).toEqual([
          { ...NAME, version: 4 },
          { ...NAME, namespace: 'team', version: 1 },
        ]);
        await expect(namespaces.delete('team')).rejects.toThrow('still has docs');
        await topologies.delete({ ...NAME, namespace: 'team' });
        await namespaces.delete('team');
        expect(await namespaces.list()).toEqual(['default']);
        await expect(topologies.commit({ ...draft(1), namespace: 'team' })).rejects.toThrow(NamespaceError);
      });

      it('reports every version to watchers from a given one on, in order, none twice, even after compaction', async () => {
        const store = await start(scope);
        const { topologies } = registryOn(store.open(), scope);
        const fresh = Collected.of((signal) => registryOn(store.open(), scope).topologies.watch(NAME, null, signal));
        await fresh.until((events) => events[0]?.kind === 'gone');
        for (let weight = 1; weight <= 10; weight++) await topologies.commit(draft(weight));
        await store.compact();
        const late = Collected.of((signal) =>
          registryOn(store.open(), scope).topologies.watch(NAME, version(4), signal),
        );
        await late.until((events) => versionsOf(events).at(-1) === 10);
        for (let weight = 11; weight <= 20; weight++) await topologies.commit(draft(weight));
        await Promise.all([fresh, late].map((each) => each.until((events) => versionsOf(events).at(-1) === 20)));
        await topologies.commit(draft(99, 5), { force: true });
        await topologies.delete(NAME);
        await Promise.all([fresh, late].map((each) => each.until((events) => events.at(-1)?.kind === 'gone')));
        expect(versionsOf(fresh.values)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
        expect(versionsOf(late.values)).toEqual(Array.from({ length: 17 }, (_, i) => i + 5));
        await Promise.all([fresh.stop(), late.stop()]);
      });

      it('has members for as long as they renew their leases', async () => {
        const store = await start(scope);
        const here = registryOn(store.open(), scope).members;
        const seen = Collected.of((signal) => here.watch('router', '', signal));
        const names = (): string[] | undefined => seen.values.at(-1)?.map(({ name }) => name);
        const staying = here.register('router', 'r1', { versions: { a: 1 } }, store.leaseMs);
        await staying.ready;
        const cut = store.open();
        const going = registryOn(cut, scope).members.register('router', 'r2', { versions: {} }, store.leaseMs);
        await going.ready;
        await vi.waitFor(() => expect(names()).toEqual(['r1', 'r2']), PATIENCE);
        await staying.update({ versions: { a: 2 } });
        await vi.waitFor(() => expect(seen.values.at(-1)?.[0]?.value).toEqual({ versions: { a: 2 } }), PATIENCE);
        // Its connection is gone for good, as that of a process that has died: nobody gives the lease back.
        await cut.close();
        await vi.waitFor(() => expect(names()).toEqual(['r1']), PATIENCE);
        expect(staying.isHeld).toBe(true);
        await staying.leave();
        await vi.waitFor(() => expect(names()).toEqual([]), PATIENCE);
        await seen.stop();
      });

      it('keeps nothing for a lease that has ended', async () => {
        const store = await start(scope);
        const opened = store.open();
        scope.defer(() => opened.close());
        const lease = await opened.grantLease(store.leaseMs);
        await opened.revokeLease(lease);
        await opened.revokeLease(lease);
        expect(await opened.renewLease(lease)).toBe(false);
        await expect(opened.commit([], [{ key: 'a', value: '1', lease }])).rejects.toThrow(/lease/);
        expect(await opened.get('a')).toBeNull();
      });

      it('elects one leader at a time, with a token that grows', async () => {
        const store = await start(scope);
        const signal = new AbortController();
        const [one, other] = [registryOn(store.open(), scope).elections, registryOn(store.open(), scope).elections];
        const first = await one.campaign('docs', 'a', store.leaseMs, signal.signal);
        const waiting = other.campaign('docs', 'b', store.leaseMs, signal.signal);
        expect(await other.leader('docs')).toEqual({ candidate: 'a', token: first?.token });
        expect(first?.isLeading).toBe(true);
        await first?.resign();
        const second = await waiting;
        expect(first?.isLeading).toBe(false);
        expect(second?.token).toBeGreaterThan(first?.token as number);
        const never = one.campaign('docs', 'a', store.leaseMs, signal.signal);
        signal.abort();
        expect(await never).toBeNull();
        await second?.resign();
      });

      it('changes small documents by compare-and-set', async () => {
        const store = await start(scope);
        const { documents } = registryOn(store.open(), scope);
        const made = await documents.put('task/a', { run: 1 }, 0);
        expect(await documents.put('task/a', { run: 9 }, 0)).toBeNull();
        const changed = await documents.put('task/a', { run: 2 }, made as never);
        expect(await documents.put('task/a', { run: 3 }, made as never)).toBeNull();
        expect(await documents.get('task/a')).toEqual({ name: 'task/a', value: { run: 2 }, revision: changed });
        await documents.put('task/b', [], 0);
        expect((await documents.list('task/')).map(({ name }) => name)).toEqual(['task/a', 'task/b']);
        expect(await documents.delete('task/a', made as never)).toBe(false);
        expect(await documents.delete('task/a', changed as never)).toBe(true);
        expect(await documents.get('task/a')).toBeNull();
      });

      it('lists more than one message can hold, and watches it', async () => {
        const store = await start(scope);
        const opened = store.open();
        scope.defer(() => opened.close());
        const large = Array.from({ length: 24 }, (_, i) => ({ key: `large/${i + 10}`, value: `${i}`.padEnd(400_000) }));
        const small = Array.from({ length: 700 }, (_, i) => ({ key: `small/${i + 1000}`, value: `${i}` }));
        for (const change of large) await opened.commit([], [change]);
        await opened.commit([], small);
        const seen: string[] = [];
        const stop = opened.watch('large/', 0 as never, {
          onBegun: () => {},
          onChanges: ({ events }) => seen.push(...events.map(({ key }) => key)),
          onEnded: () => {},
        });
        for (const [prefix, put] of [
          ['large/', large],
          ['small/', small],
        ] as const) {
          const { entries, revision } = await opened.list(prefix);
          expect(entries.map(({ key, value }) => ({ key, value }))).toEqual(put);
          expect(revision).toBeGreaterThanOrEqual(entries.at(-1)?.revision as number);
        }
        await vi.waitFor(() => expect(seen).toEqual(large.map(({ key }) => key)), PATIENCE);
        stop();
      });

      it('changes hundreds of entries at once or none, and looks at hundreds by one condition', async () => {
        const store = await start(scope);
        const opened = store.open();
        scope.defer(() => opened.close());
        const put = Array.from({ length: 300 }, (_, i) => ({ key: `node/${i + 100}`, value: `${i}` }));
        const made = (await opened.commit([], put)) as Revision;
        const unchanged = { prefix: 'node/', unchangedSince: made };
        const deleted = put.map(({ key }) => ({ key, value: null }));
        await opened.commit([], [{ key: 'nodes', value: 'has another prefix' }]);
        await opened.commit([], [{ key: 'node/100', value: 'back' }]);
        expect(await opened.commit([unchanged], deleted)).toBeNull();
        expect(await opened.commit([{ key: 'node/399', revision: 0 }], deleted)).toBeNull();
        expect((await opened.list('node/')).entries).toHaveLength(300);
        const { revision } = await opened.list('node/');
        const done = await opened.commit([{ ...unchanged, unchangedSince: revision }], deleted);
        expect(done).toBe(revision + 1);
        expect((await opened.list('node/')).entries).toEqual([]);
        expect(await opened.commit([{ ...unchanged, unchangedSince: revision }], [])).not.toBeNull();
      });

      it('reports every version to watchers of a server that is killed, compacted and started again', async () => {
        const store = await startApart(scope);
        const [server] = store.servers;
        const { topologies } = registryOn(store.open(), scope);
        await topologies.commit(draft(1));
        const seen = Collected.of((signal) => registryOn(store.open(), scope).topologies.watch(NAME, null, signal));
        await seen.until((events) => versionsOf(events).at(-1) === 1);
        for (let round = 1; round <= 3; round++) {
          await server?.kill();
          if (store.servers.length === 1) await seen.until((events) => events.at(-1)?.kind === 'outage');
          const back = server?.start();
          for (let i = 0; i < 3; i++) {
            const next = version(1 + (round - 1) * 3 + i + 1);
            await commitThrough(topologies, draft(next, next));
            if (i === 1) await store.compact();
          }
          await back;
        }
        await seen.until((events) => versionsOf(events).at(-1) === 10);
        expect(versionsOf(seen.values)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
        await seen.stop();
      });

      it('takes what is held by leases from a client that was cut off for longer, which notices first by its own clock', async () => {
        const store = await startApart(scope);
        if (store.servers.length === 0) return;
        const { members, elections } = registryOn(store.open(), scope);
        const member = members.register('node', 'default/docs/s0/a', {}, store.leaseMs);
        const term = await elections.campaign('docs', 'a', store.leaseMs, new AbortController().signal);
        await member.ready;
        for (const server of store.servers) server.pause();
        await vi.waitFor(() => expect(term?.isLeading).toBe(false), PATIENCE);
        // Its lease may have been renewed a little later.
        await vi.waitFor(() => expect(member.isHeld).toBe(false), PATIENCE);
        for (const server of store.servers) server.resume();
        const next = await registryOn(store.open(), scope).elections.campaign(
          'docs',
          'b',
          store.leaseMs,
          AbortSignal.timeout(30_000),
        );
        expect(next?.token).toBeGreaterThan(term?.token as number);
        expect(term?.isLeading).toBe(false);
        await vi.waitFor(async () => expect(await members.list('node')).toHaveLength(1), PATIENCE);
        await vi.waitFor(() => expect(member.isHeld).toBe(true), PATIENCE);
        await next?.resign();
        await member.leave();
      });
    },
    90_000,
  );
}

/** @param sizes stores, each with megabytes that are too many for it */
export function describeLargestTopologies(
  scope: Scope,
  sizes: ReadonlyArray<readonly [name: string, start: StartStore, megabytes: number]>,
): void {
  it.each(sizes)('reports that a topology is too large for %s, and by how much', async (_name, start, megabytes) => {
    const store = await start(scope);
    const { topologies } = registryOn(store.open(), scope);
    const bytes = megabytes * 1024 * 1024;
    const shards = [{ id: 's0', address: '127.0.0.1:9101', weight: 1, hostname: 'h'.repeat(bytes) }];
    const large = topologies.commit({ ...draft(1), shards });
    await expect(large).rejects.toThrow(StoreRefused);
    await expect(large).rejects.toThrow(/too large for .*: \d+ bytes; it takes at most \d+/);
  });
}

import { afterEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { Collected, registryOn, sqlite } from '../../test/support/registries.ts';
import type { Member, Registry } from './index.ts';
import type { Store } from './store/store.ts';

const scope = new Scope();
afterEach(() => scope.release());

const LEASE_MS = 60_000;
const saying = (docs: number, users: number) => ({ versions: { 'default/docs': docs, 'default/users': users } });

/** What is heard of the routers for a cluster. */
function heardFor({ routers }: Registry, cluster: string): Collected<readonly Member[] | null> {
  const heard = Collected.of((signal) => routers.of({ namespace: 'default', cluster }, signal));
  scope.defer(() => heard.stop());
  return heard;
}

/** Resolves once one router is there that has said so. */
function untilSaid(heard: Collected<readonly Member[] | null>, value: object): Promise<void> {
  const text = JSON.stringify(value);
  return heard.until((all) => JSON.stringify(all.at(-1)?.map((router) => router.value)) === `[${text}]`);
}

/** How often the routers are watched in a store from now on. */
function countedWatches(store: Store): () => number {
  const watch = vi.spyOn(store, 'watch');
  return () => watch.mock.calls.filter(([prefix]) => prefix === 'member/router/').length;
}

it('watches the routers once for all clusters, and tells each of what is about it', async () => {
  const store = await sqlite(scope);
  const there = registryOn(store.open(), scope);
  const own = store.open();
  const watches = countedWatches(own);
  const registry = registryOn(own, scope);
  const [docs, users] = [heardFor(registry, 'docs'), heardFor(registry, 'users')];
  const router = there.members.register('router', 'r', saying(1, 1), LEASE_MS);
  await router.ready;
  await Promise.all([docs, users].map((heard) => untilSaid(heard, saying(1, 1))));
  const heardOfUsers = users.values.length;
  await router.update(saying(2, 1));
  await untilSaid(docs, saying(2, 1));
  expect(users.values).toHaveLength(heardOfUsers);
  // One that comes later hears of what is there, without a watch of its own.
  const late = heardFor(registry, 'users');
  await untilSaid(late, saying(2, 1));
  expect(watches()).toBe(1);
  await router.leave();
  await Promise.all([docs, users, late].map((heard) => heard.until((all) => all.at(-1)?.length === 0)));
});

it('ends its watch with the last that wants to hear of routers, and begins another one for the next', async () => {
  const store = (await sqlite(scope)).open();
  const watches = countedWatches(store);
  const registry = registryOn(store, scope);
  const [one, other] = [heardFor(registry, 'docs'), heardFor(registry, 'users')];
  await other.until((all) => all.length === 1);
  await one.stop();
  const again = heardFor(registry, 'docs');
  await again.until((all) => all.length === 1);
  await vi.waitFor(() => expect(watches()).toBe(1));
  await Promise.all([other.stop(), again.stop()]);
  await heardFor(registry, 'docs').until((all) => all.length === 1);
  await vi.waitFor(() => expect(watches()).toBe(2));
});

it('says that the registry is away, also to one that comes meanwhile', async () => {
  const link = new FaultyStore((await sqlite(scope)).open());
  link.fate = () => 'lost';
  const registry = registryOn(link, scope);
  const one = heardFor(registry, 'docs');
  await one.until((all) => all.at(-1) === null);
  const other = heardFor(registry, 'users');
  await other.until((all) => all.at(-1) === null);
  link.fate = () => 'done';
  await Promise.all([one, other].map((heard) => heard.until((all) => all.at(-1)?.length === 0)));
});

import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { Collected, registryOn, sqlite } from '../../test/support/registries.ts';
import { checkTopology, type Topology } from '../topology/index.ts';
import type { Registry, Revision } from './index.ts';
import type { Store } from './store/store.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const SHARDS = [0, 1, 2].map((i) => ({ id: `s${i}`, address: `10.0.0.${i}:1` }));
const draftOf = (shards: number) =>
  checkTopology({ ...NAME, placement: { fixedRing: {} }, shards: SHARDS.slice(0, shards) }, 'the test');

function handoffsOf({ handoffs }: Registry) {
  const events = Collected.of((signal) => handoffs.watch(NAME, signal));
  scope.defer(() => events.stop());
  return events;
}

function topologiesOf({ topologies }: Registry) {
  const events = Collected.of((signal) => topologies.watch(NAME, null, signal));
  scope.defer(() => events.stop());
  return events;
}

/** How often versions are read from a store from now on. */
function countedReads(store: Store): () => number {
  const get = vi.spyOn(store, 'get');
  return () => get.mock.calls.filter(([key]) => key.startsWith('version/')).length;
}

/** A cluster at version 1, one that commits what is staged, and one that follows. */
async function begun() {
  const store = await sqlite(scope);
  const driver = registryOn(store.open(), scope);
  await driver.topologies.commit(draftOf(1));
  const own = store.open();
  const follower = registryOn(own, scope);
  const [staging, versions] = [handoffsOf(follower), topologiesOf(follower)];
  await versions.until((all) => all.length === 1);
  return { driver, staging, versions, reads: countedReads(own) };
}

async function stage({ handoffs }: Registry, shards: number, from: number) {
  const handoff = await handoffs.stage(draftOf(shards), { expected: from as Topology['version'] }, 'the test');
  const staged = (await handoffs.staged(NAME)) as Topology;
  const { asOf } = await handoffs.read(NAME);
  return { handoff, commit: () => handoffs.commit(NAME, handoff, staged, asOf as Revision, [], new Set()) };
}

it('takes a version that has become current from what it has seen staged, and does not read it', async () => {
  const { driver, staging, versions, reads } = await begun();
  const driving = handoffsOf(driver);
  for (const [i, shards] of [2, 3].entries()) {
    const { handoff, commit } = await stage(driver, shards, i + 1);
    const isSeen = ({ values }: typeof staging) =>
      values.some((event) => event.kind === 'view' && event.view.staged?.version === handoff.to);
    await Promise.all([staging, driving].map((each) => each.until(() => isSeen(each))));
    expect(await commit()).not.toBeNull();
  }
  await versions.until((all) => all.length === 3);
  const shards = versions.values.map((event) => event.kind === 'topology' && event.topology.shards.length);
  expect(shards).toEqual([1, 2, 3]);
  expect(reads()).toBe(0);
});

it('still knows what is staged where one of several watches ends', async () => {
  const { driver, staging, versions, reads } = await begun();
  const others = [handoffsOf(driver), handoffsOf(driver)] as const;
  const { commit } = await stage(driver, 2, 1);
  const isSeen = ({ values }: typeof staging) =>
    values.some((event) => event.kind === 'view' && event.view.staged !== null);
  await Promise.all([staging, ...others].map((each) => each.until(() => isSeen(each))));
  await others[0].stop();
  expect(await commit()).not.toBeNull();
  await versions.until((all) => all.length === 2);
  expect(reads()).toBe(0);
});

it('reads a version of which its driver may have left something out, and one that was committed at once', async () => {
  const { driver, staging, versions, reads } = await begun();
  // Who commits has not understood all that was staged, as far as it knows.
  const { commit } = await stage(driver, 2, 1);
  await staging.until((all) => all.some((event) => event.kind === 'view' && event.view.staged !== null));
  expect(await commit()).not.toBeNull();
  await versions.until((all) => all.length === 2);
  expect(reads()).toBe(1);
  await driver.topologies.commit(draftOf(3), { force: true });
  await versions.until((all) => all.length === 3);
  expect(versions.values.at(-1)).toMatchObject({ topology: { version: 3, shards: SHARDS } });
  expect(reads()).toBe(2);
});

it('reads a version whose number another has had that was staged and given up', async () => {
  const { driver, staging, versions, reads } = await begun();
  handoffsOf(driver);
  const { handoff } = await stage(driver, 2, 1);
  await staging.until((all) => all.some((event) => event.kind === 'view' && event.view.staged !== null));
  await driver.handoffs.abort(NAME, handoff, 'the test');
  await driver.topologies.commit(draftOf(3), { force: true });
  await versions.until((all) => all.length === 2);
  expect(versions.values.at(-1)).toMatchObject({ topology: { version: 2, shards: SHARDS } });
  expect(reads()).toBe(1);
});

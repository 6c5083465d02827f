import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { keyBytes } from '../placement/index.ts';
import { type Handoff, isUnderWay, KNOWS, type Registry, VersionConflict } from '../registry/index.ts';
import { Cluster, checkTopology, type Topology, type TopologyDraft, targetOf } from '../topology/index.ts';
import { changeTopology, giveUpChange, HandoffAborted, HandoffDriver, type OnStep, pauseChange } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const CLUSTER = 'default/docs';
/** On each of them one stream is open. */
const KEYS = Array.from({ length: 300 }, (_, i) => keyBytes(`key ${i}`));
const STREAMS = 20;

function draft(shards: readonly string[], more: object = {}): TopologyDraft {
  const list = shards.map((id) => ({ id, address: `${id}:1` }));
  const waves = { streams: STREAMS, pauseMs: 1 };
  return checkTopology({ ...NAME, placement: { maglev: {} }, shards: list, waves, ...more }, 'the test');
}

function ownersIn(topology: Topology | TopologyDraft): Array<string | undefined> {
  const cluster = new Cluster(topology);
  return KEYS.map((key) => cluster.shards[cluster.locate(key, 0, key.length)]?.id);
}

function moved(before: Topology, after: Topology): number {
  const owners = ownersIn(before);
  return ownersIn(after).filter((owner, i) => owner !== owners[i]).length;
}

async function registries(): Promise<() => Registry> {
  const store = await sqlite(scope);
  return () => registryOn(store.open(), scope);
}

/** A router with a watch on each key, as far as the registry can tell: it acknowledges each step, but for those that it is kept from. */
async function router(registry: Registry, name: string, knows: readonly string[] | null = KNOWS) {
  const value = { versions: { [CLUSTER]: 1 }, admin: { host: '', port: 0 }, listen: [], ...(knows && { knows }) };
  const membership = registry.members.register('router', name, { ...value, acknowledged: {} }, 60_000);
  await membership.ready;
  const stopping = new AbortController();
  const kept = { from: (_handoff: Handoff): boolean => false, look: (): Promise<void> => Promise.resolve() };
  const acknowledge = async (handoff: Handoff | null, staged: Topology | null): Promise<void> => {
    if (handoff === null || staged === null || !isUnderWay(handoff) || kept.from(handoff)) return;
    const { from, to, attempt, step } = handoff;
    const current = (await registry.topologies.readVersion(NAME, from)) as Topology;
    const streams = knows === null ? {} : { streams: moved(current, staged) };
    await membership.update({ ...value, acknowledged: { [CLUSTER]: { to, attempt, step, ...streams } } });
  };
  kept.look = async () => {
    const [{ handoff }, staged] = [await registry.handoffs.read(NAME), await registry.handoffs.staged(NAME)];
    await acknowledge(handoff, staged);
  };
  const following = (async () => {
    for await (const event of registry.handoffs.watch(NAME, stopping.signal))
      if (event.kind === 'view') await acknowledge(event.view.handoff, event.view.staged);
  })();
  scope.defer(async () => {
    stopping.abort();
    await following;
    await membership.leave();
  });
  return kept;
}

function change(registry: Registry, to: TopologyDraft, onStep: OnStep = () => {}): Promise<Topology> {
  return changeTopology(registry, to, { reason: 'the test', candidate: 'the test', clock, onStep });
}

async function versionsOf(registry: Registry): Promise<Topology[]> {
  const history = (await registry.topologies.history(NAME)).reverse();
  return Promise.all(
    history.map(async ({ version }) => (await registry.topologies.readVersion(NAME, version)) as Topology),
  );
}

const inSecondWave = (handoff: Handoff): boolean => handoff.wave?.number === 2;

async function reached(registry: Registry, is: (handoff: Handoff) => boolean): Promise<void> {
  await vi.waitFor(async () => {
    const { handoff } = await registry.handoffs.read(NAME);
    if (handoff === null || !is(handoff)) throw new Error(`at ${JSON.stringify(handoff)}`);
  }, PATIENCE);
}

/** A change from three shards to four that has come as far as this, and stays there until its router is kept from nothing. */
async function changeAt(is: (handoff: Handoff) => boolean) {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(open(), 'one');
  one.from = is;
  const changing = change(open(), draft(['a', 'b', 'c', 'd']));
  changing.catch(() => {});
  await reached(registry, is);
  return { registry, one, changing };
}

it('moves keys in waves of about as many streams as the topology says, no key twice', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(open(), 'one');
  const done = await change(registry, draft(['a', 'b', 'c', 'd']));
  const versions = await versionsOf(registry);
  const [first, last] = [versions[0], versions.at(-1)] as [Topology, Topology];
  expect(last.version).toBe(done.version);
  expect(ownersIn(last)).toEqual(ownersIn(draft(['a', 'b', 'c', 'd'])));
  expect(last.moving).toBeUndefined();
  const waves = versions.slice(1).map((each, i) => moved(versions[i] as Topology, each));
  expect(waves.length).toBeGreaterThan(3);
  expect(Math.max(...waves)).toBeLessThanOrEqual(1.5 * STREAMS);
  expect(waves.reduce((sum, each) => sum + each, 0)).toBe(moved(first, last));
  const cursors = versions.map(({ moving }) => moving?.cursor ?? 1);
  expect(cursors.slice(1)).toEqual(cursors.slice(1).sort());
});

it('moves all at once where few streams move, as the next version', async () => {
  const open = await registries();
  const registry = open();
  const many = { waves: { streams: KEYS.length, pauseMs: 1 } };
  await registry.topologies.commit(draft(['a', 'b', 'c'], many));
  await router(open(), 'one');
  expect((await change(registry, draft(['a', 'b', 'c', 'd'], many))).version).toBe(2);
});

it('moves all at once where a router is of a release that knows no waves', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(open(), 'one');
  await router(open(), 'an earlier one', null);
  const seen: Handoff[] = [];
  const done = await change(registry, draft(['a', 'b', 'c', 'd']), (handoff) => seen.push(handoff));
  expect(done.version).toBe(2);
  expect(seen.find(({ step }) => step === 'hold')?.watchesEnd).toBeUndefined();
});

it('is stopped by people between two waves, keeps others away until then, and goes on when they say so', async () => {
  const { registry, one, changing } = await changeAt(inSecondWave);
  await expect(change(registry, draft(['a', 'b']))).rejects.toThrow(VersionConflict);
  expect(await pauseChange(registry, NAME, true)).toMatchObject({ paused: true });
  one.from = () => false;
  await one.look();
  expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ step: 'stage', paused: true });
  await pauseChange(registry, NAME, false);
  expect(ownersIn(await changing)).toEqual(ownersIn(draft(['a', 'b', 'c', 'd'])));
  expect(await pauseChange(registry, NAME, true)).toBeNull();
});

it('goes back from the middle, in waves as well', async () => {
  const before = draft(['a', 'b', 'c']);
  const { registry, one, changing } = await changeAt(({ wave }) => wave?.number === 3);
  one.from = () => false;
  const given = await giveUpChange(registry, NAME, 'enough');
  await expect(changing).rejects.toThrow(HandoffAborted);
  const done = await change(registry, given?.back as TopologyDraft);
  expect(ownersIn(done)).toEqual(ownersIn(before));
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(current).toMatchObject({ version: done.version, shards: before.shards });
  expect(current.moving).toBeUndefined();
});

it('goes on where its driver has died, with whoever drives next', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(open(), 'one');
  one.from = inSecondWave;
  await registry.handoffs.stage(draft(['a', 'b', 'c', 'd']), {}, 'the test', [], undefined, 'new');
  const first = new AbortController();
  const driving = new HandoffDriver(open(), NAME, clock).run(first.signal);
  await reached(registry, inSecondWave);
  first.abort();
  await driving;
  one.from = () => false;
  await one.look();
  const second = new AbortController();
  const drivingOn = new HandoffDriver(open(), NAME, clock).run(second.signal);
  await reached(registry, ({ step, wave }) => step === 'committed' && wave?.to === 1);
  second.abort();
  await drivingOn;
  expect((await registry.topologies.read(NAME))?.moving).toBeUndefined();
});

it('drops how far a change has come from what people write', async () => {
  const { registry, one } = await changeAt(inSecondWave);
  await pauseChange(registry, NAME, true);
  await giveUpChange(registry, NAME, 'another is wanted');
  one.from = () => false;
  const half = (await registry.topologies.read(NAME)) as Topology;
  expect(half.moving).toBeDefined();
  const done = await change(registry, { ...half, version: null });
  expect(ownersIn(done)).toEqual(ownersIn(targetOf(half)));
  expect((await registry.topologies.read(NAME))?.moving).toBeUndefined();
});

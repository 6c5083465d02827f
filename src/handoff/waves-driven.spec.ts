import { afterEach, expect, it } from 'vitest';
import {
  change,
  changeAt,
  draft,
  inSecondWave,
  KEYS,
  moved,
  NAME,
  ownersIn,
  reached,
  registries,
  router,
  STREAMS,
  WHO,
} from '../../test/support/changes-in-waves.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock } from '../../test/support/registries.ts';
import { type Handoff, type Registry, VersionConflict } from '../registry/index.ts';
import { type Topology, type TopologyDraft, targetOf } from '../topology/index.ts';
import { giveUpChange, HandoffAborted, HandoffDriver, pauseChange } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function versionsOf(registry: Registry): Promise<Topology[]> {
  const history = (await registry.topologies.history(NAME)).reverse();
  return Promise.all(
    history.map(async ({ version }) => (await registry.topologies.readVersion(NAME, version)) as Topology),
  );
}

it('moves keys in waves of about as many streams as the topology says, no key twice', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(scope, open(), 'one');
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

/** The steps of each wave, in the order in which it took them. */
function stepsOf(handoffs: readonly Handoff[]): string[] {
  const steps = new Map<number | undefined, string[]>();
  for (const { wave, step } of handoffs) steps.set(wave?.number, [...(steps.get(wave?.number) ?? []), step]);
  return [...steps.values()].map((each) => each.join());
}

it('asks each router once for a wave behind one that went as expected: to hold what moves', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
  const two = await router(scope, open(), 'two');
  for (const each of [one, two]) each.isQuiet = () => true;
  await change(registry, draft(['a', 'b', 'c', 'd']));
  const [first, ...others] = stepsOf(one.said);
  // The whole is counted, then as much as may move at once.
  expect(first).toBe('stage,stage,hold');
  expect(others.length).toBeGreaterThan(2);
  expect(others.filter((steps) => steps === 'hold').length).toBeGreaterThanOrEqual(others.length - 2);
  expect(stepsOf(two.said)).toEqual(stepsOf(one.said));
});

it('drains a wave that is held at once where a call turns out to be slow, and asks before it holds the next one', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
  one.isQuiet = ({ wave, step }) => wave?.number !== 2 || step !== 'hold' || wave.heldAtOnce !== true;
  await change(registry, draft(['a', 'b', 'c', 'd']));
  expect(stepsOf(one.said).slice(1, 3)).toEqual(['hold,drain,hold', 'stage,hold']);
  const again = one.said.find(({ wave, step }) => wave?.number === 2 && step === 'drain');
  expect(again).toMatchObject({ retries: 0, reason: 'a call takes long whose key moves' });
});

it('moves all at once where few streams move, as the next version', async () => {
  const open = await registries(scope);
  const registry = open();
  const many = { waves: { streams: KEYS.length, pauseMs: 1 } };
  await registry.topologies.commit(draft(['a', 'b', 'c'], many));
  await router(scope, open(), 'one');
  expect((await change(registry, draft(['a', 'b', 'c', 'd'], many))).version).toBe(2);
});

it('moves all at once where a router is of a release that knows no waves', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(scope, open(), 'one');
  await router(scope, open(), 'an earlier one', null);
  const seen: Handoff[] = [];
  const done = await change(registry, draft(['a', 'b', 'c', 'd']), (handoff) => seen.push(handoff));
  expect(done.version).toBe(2);
  expect(seen.find(({ step }) => step === 'hold')?.watchesEnd).toBeUndefined();
});

it('is stopped by people between two waves, keeps others away until then, and goes on when they say so', async () => {
  const { registry, one, changing } = await changeAt(scope, inSecondWave);
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
  const { registry, one, changing } = await changeAt(scope, ({ wave }) => wave?.number === 3);
  one.from = () => false;
  const given = await giveUpChange(registry, NAME, 'enough', WHO);
  await expect(changing).rejects.toThrow(HandoffAborted);
  const done = await change(registry, given?.back as TopologyDraft);
  expect(ownersIn(done)).toEqual(ownersIn(before));
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(current).toMatchObject({ version: done.version, shards: before.shards });
  expect(current.moving).toBeUndefined();
});

it('goes on where its driver has died, with whoever drives next', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
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
  const { registry, one } = await changeAt(scope, inSecondWave);
  await pauseChange(registry, NAME, true);
  await giveUpChange(registry, NAME, 'another is wanted', WHO);
  one.from = () => false;
  const half = (await registry.topologies.read(NAME)) as Topology;
  expect(half.moving).toBeDefined();
  const done = await change(registry, { ...half, version: null });
  expect(ownersIn(done)).toEqual(ownersIn(targetOf(half)));
  expect((await registry.topologies.read(NAME))?.moving).toBeUndefined();
});

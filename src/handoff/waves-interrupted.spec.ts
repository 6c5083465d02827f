import { setTimeout } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import {
  CLUSTER,
  change,
  changeAt,
  draft,
  drive,
  FOUR,
  inSecondWave,
  lostProcess,
  NAME,
  ownersIn,
  reached,
  registries,
  router,
  STATE,
  WHO,
} from '../../test/support/changes-in-waves.ts';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import {
  type Handoff,
  instanceText,
  isUnderWay,
  type Registry,
  type StoredHandoff,
  type StoredNode,
  StoreRefused,
  VersionConflict,
} from '../registry/index.ts';
import { servingShards, type Topology, type TopologyVersion } from '../topology/index.ts';
import { takeDeadOut } from './between-waves.ts';
import { giveUpChange, HandoffAborted, HandoffDriver, pauseChange, removeDead } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A registry whose watches of handoffs report nothing until they are let: what comes meanwhile is missed, but for the last of it. */
function blind(registry: Registry): { readonly registry: Registry; see: () => void } {
  let see = (): void => {};
  const seeing = new Promise<void>((resolve) => {
    see = resolve;
  });
  const { handoffs } = registry;
  const watch = async function* (...args: Parameters<typeof handoffs.watch>) {
    await seeing;
    yield* handoffs.watch(...args);
  };
  const blindHandoffs = new Proxy(handoffs, {
    get: (target, name) => {
      if (name === 'watch') return watch;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const proxy = new Proxy(registry, {
    get: (target, name) => {
      if (name === 'handoffs') return blindHandoffs;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { registry: proxy, see: () => see() };
}

it('tells a command that has missed every step of its change what that has led to', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(scope, open(), 'one');
  await drive(scope, open());
  const missing = blind(open());
  const changing = change(missing.registry, draft(FOUR));
  // Narrowed, it has another number than it was staged as.
  const last = await reached(registry, ({ step, wave }) => step === 'committed' && wave?.to === 1);
  expect(await registry.topologies.readVersion(NAME, last.wave?.since as TopologyVersion)).toBeNull();
  await change(registry, draft(['a', 'b']));
  missing.see();
  expect((await changing).version).toBe(last.to);
});

it.each([
  'another change',
  'a forced one',
])('does not take %s with its number for a change that was given up', async (by) => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
  one.from = () => true;
  await drive(scope, open());
  const missing = blind(open());
  const changing = change(missing.registry, draft(FOUR));
  changing.catch(() => {});
  const staged = await reached(registry, ({ step }) => step === 'stage');
  await giveUpChange(registry, NAME, 'enough', WHO);
  one.from = () => false;
  const small = { waves: { streams: 1000, pauseMs: 1 } };
  if (by === 'another change') expect((await change(registry, draft(['a', 'b'], small))).version).toBe(staged.to);
  else expect((await registry.topologies.commit(draft(['a', 'b']), { force: true })).version).toBe(staged.to);
  missing.see();
  await expect(changing).rejects.toThrow(HandoffAborted);
});

it('replaces a wave that people have stopped, where that is wanted, and not what is held', async () => {
  const { registry, one, changing } = await changeAt(scope, inSecondWave);
  await pauseChange(registry, NAME, true);
  await expect(change(registry, draft(['a', 'b']))).rejects.toThrow(VersionConflict);
  one.from = () => false;
  const done = await change(registry, draft(['a', 'b']), () => {}, { replacesStopped: true });
  expect(ownersIn(done)).toEqual(ownersIn(draft(['a', 'b'])));
  await expect(changing).rejects.toThrow(/another change has replaced it/);

  one.from = ({ step }) => step === 'hold';
  const held = change(registry, draft(FOUR));
  held.catch(() => {});
  await reached(registry, ({ step }) => step === 'hold');
  await pauseChange(registry, NAME, true);
  await expect(change(registry, draft(['a', 'b']), () => {}, { replacesStopped: true })).rejects.toThrow(
    VersionConflict,
  );
  one.from = () => false;
  await one.look();
  await pauseChange(registry, NAME, false);
  await held;
});

it('stores a stopped wave as a step that earlier releases leave alone', async () => {
  const store = await sqlite(scope);
  const raw = store.open();
  scope.defer(() => raw.close());
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const staged = await registry.handoffs.stage(draft(FOUR), {}, 'the test', [], undefined, 'new');
  const stepIn = async (): Promise<unknown> =>
    (JSON.parse((await raw.get(STATE))?.value ?? '') as { step: unknown }).step;
  expect(await stepIn()).toBe('stage');
  await pauseChange(registry, NAME, true);
  expect(['stage', 'drain', 'hold', 'committed', 'aborted']).not.toContain(await stepIn());
  expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ step: 'stage', paused: true, to: staged.to });
  await pauseChange(registry, NAME, false);
  expect(await stepIn()).toBe('stage');
});

it('takes a lost shard out between two waves that follow one another without a pause', async () => {
  const open = await registries(scope);
  const registry = open();
  const quick = { waves: { streams: 15, pauseMs: 0 }, failover: { afterMs: 1 } };
  await registry.topologies.commit(draft(['a', 'b', 'c'], quick));
  const one = await router(scope, open(), 'one');
  one.from = inSecondWave;
  // Nothing that it says of a handoff under way is ever in time.
  const late = open();
  const { handoffs } = late;
  const advance = handoffs.advance.bind(handoffs);
  handoffs.advance = (name, handoff, changed, silent) =>
    'lost' in changed ? setTimeout(50, null) : advance(name, handoff, changed, silent);
  await drive(scope, late);
  const changing = change(open(), draft([...FOUR, 'e'], quick));
  await reached(registry, inSecondWave);
  const gone = await lostProcess(open(), 'c', 0);
  await gone.vanish();
  const { nodes } = await registry.handoffs.read(NAME);
  // No wave has to wait for it.
  for (const node of nodes) await registry.handoffs.endNode(NAME, node);
  one.from = () => false;
  await one.look();
  const done = await changing;
  const history = await registry.topologies.history(NAME);
  const versions = await Promise.all(history.map(({ version }) => registry.topologies.readVersion(NAME, version)));
  const without = versions.filter((each) => each && !servingShards(each).some(({ id }) => id === 'c'));
  // It had not to wait until all waves were through.
  expect(without.some((each) => each?.moving !== undefined)).toBe(true);
  expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['a', 'b', 'd', 'e']);
  expect(done.version).toBeGreaterThan(2);
});

it.each([
  'while a wave is under way',
  'while it is stopped',
  'between two waves',
])('removes a shard that is declared dead in the middle of a change, %s, and goes on', async (when) => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
  one.from = inSecondWave;
  const changing = change(open(), draft(FOUR));
  changing.catch(() => {});
  await reached(registry, inSecondWave);
  const dead = await lostProcess(open(), 'a');
  await dead.vanish();
  if (when !== 'while a wave is under way') await pauseChange(registry, NAME, true);
  if (when === 'between two waves') {
    // That it is out of the way is as between two waves.
    const { handoff } = await registry.handoffs.read(NAME);
    await registry.handoffs.abort(NAME, handoff as NonNullable<typeof handoff>, 'the test', true);
  }
  const removing = removeDead(open(), NAME, 'a', WHO);
  await reached(registry, ({ dead: declared, reason }) => declared?.a !== undefined || reason.includes('dead'));
  one.from = () => false;
  await one.look();
  const version = (await removing) as TopologyVersion;
  expect(version).not.toBeNull();
  const without = (await registry.topologies.readVersion(NAME, version)) as Topology;
  expect(servingShards(without).map(({ id }) => id)).not.toContain('a');
  if (when !== 'while a wave is under way') {
    expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ paused: true });
    await pauseChange(registry, NAME, false);
  }
  // Who gave a wave up has ended the wait for the change.
  if (when === 'between two waves') await drive(scope, open());
  else await changing;
  await vi.waitFor(async () => {
    const { shards, moving } = (await registry.topologies.read(NAME)) as Topology;
    expect([shards.map(({ id }) => id), moving]).toEqual([['b', 'c', 'd'], undefined]);
  }, PATIENCE);
});

it.each([
  ['gives the processes of a shard up that were declared dead', false],
  ['waits for a process that has come back since its shard was declared dead', true],
])('%s', async (_, isBack) => {
  const open = await registries(scope);
  const registry = open();
  const { handoffs, topologies } = registry;
  await topologies.commit(draft(['a', 'b', 'c']));
  const dead = await lostProcess(open(), 'a');
  await handoffs.stage(draft(FOUR), {}, 'the test');
  const { handoff, nodes } = await handoffs.read(NAME);
  const [node] = nodes as [StoredNode];
  const declared = await handoffs.advance(NAME, handoff as StoredHandoff, { dead: { a: node.revision } }, [node]);
  const over = (await handoffs.abort(NAME, declared as StoredHandoff, 'the test')) as StoredHandoff;
  if (isBack) await dead.comeBack();
  expect(await takeDeadOut(registry, NAME, over, (await topologies.read(NAME)) as Topology)).toBe(true);
  expect((await handoffs.read(NAME)).handoff).toMatchObject({
    lost: ['a'],
    givenUp: isBack ? [] : [instanceText(node)],
  });
});

it('declares nothing dead where no change in waves is under way, or one of its processes has spoken since', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  expect(await removeDead(registry, NAME, 'a', WHO)).toBeNull();
  await registry.handoffs.stage(draft(FOUR), {}, 'the test', [], undefined, 'new');
  expect(await removeDead(registry, NAME, 'nobody', WHO)).toBeNull();
});

it('goes on after what could not be read of the handoff was given up with a registry that went back', async () => {
  const store = await sqlite(scope);
  const raw = store.open();
  scope.defer(() => raw.close());
  const open = (): Registry => registryOn(store.open(), scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, open(), 'one');
  one.from = inSecondWave;
  const first = new AbortController();
  const driving = new HandoffDriver(open(), NAME, clock).run(first.signal);
  await registry.handoffs.stage(draft(FOUR), {}, 'the test', [], undefined, 'new');
  const { attempt } = await reached(registry, inSecondWave);
  first.abort();
  await driving;
  await raw.commit([], [{ key: STATE, value: JSON.stringify({ attempt, step: 'leap' }) }]);
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(current.moving).toBeDefined();
  await registry.topologies.raise(NAME, (current.version + 10) as TopologyVersion);
  const { handoff } = await registry.handoffs.read(NAME);
  expect(handoff).toMatchObject({ step: 'aborted', attempt: attempt + 1 });
  expect(await pauseChange(registry, NAME, true)).not.toBeNull();
  expect(await pauseChange(registry, NAME, false)).not.toBeNull();
  one.from = () => false;
  await drive(scope, open());
  await vi.waitFor(async () => expect((await registry.topologies.read(NAME))?.moving).toBeUndefined(), PATIENCE);
  expect(ownersIn((await registry.topologies.read(NAME)) as Topology)).toEqual(ownersIn(draft(FOUR)));
});

it('stops a change whose last wave the store does not take, and tells who waits for it', async () => {
  const store = await sqlite(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, registryOn(store.open(), scope), 'one');
  one.from = inSecondWave;
  const link = new FaultyStore(store.open());
  const commit = link.commit.bind(link);
  let refuses = false;
  link.commit = (conditions, changes) => {
    if (refuses && changes.some(({ key, value }) => key === STATE && value?.includes('"step":"stage"')))
      throw new StoreRefused('it is too large');
    return commit(conditions, changes);
  };
  const changing = change(registryOn(link, scope), draft(FOUR));
  changing.catch(() => {});
  await reached(registry, inSecondWave);
  refuses = true;
  one.from = () => false;
  await one.look();
  await expect(changing).rejects.toThrow(/it is too large/);
  expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ step: 'aborted', paused: true });
  expect((await registry.topologies.read(NAME))?.moving).toBeDefined();
  const given = await giveUpChange(registry, NAME, 'back', WHO);
  expect(given?.back).not.toBeNull();
});

it('keeps nothing of what was staged before where it cannot read what is staged now', async () => {
  const store = await sqlite(scope);
  const raw = store.open();
  scope.defer(() => raw.close());
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const stopping = new AbortController();
  scope.defer(async () => stopping.abort());
  const staged: unknown[] = [];
  const watching = (async () => {
    for await (const event of registryOn(store.open(), scope).handoffs.watch(NAME, stopping.signal))
      if (event.kind === 'view') staged.push(event.view.staged?.version ?? null);
  })();
  const handoff: Handoff = await registry.handoffs.stage(draft(FOUR), {}, 'the test');
  await vi.waitFor(() => expect(staged.at(-1)).toBe(handoff.to), PATIENCE);
  const document = { cluster: 'docs', version: handoff.to, requires: ['what nobody knows'], shards: [] };
  await raw.commit([], [{ key: 'handoff/default/docs/staged', value: JSON.stringify(document) }]);
  await vi.waitFor(() => expect(staged.at(-1)).toBeNull(), PATIENCE);
  expect(isUnderWay(handoff)).toBe(true);
  expect(CLUSTER).toBe('default/docs');
  stopping.abort();
  await watching;
});

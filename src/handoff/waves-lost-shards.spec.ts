import { afterEach, expect, it, vi } from 'vitest';
import {
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
  StoreRefused,
  VersionConflict,
} from '../registry/index.ts';
import { servingShards, type Topology, type TopologyVersion } from '../topology/index.ts';
import { goBack, HandoffAborted, HandoffDriver, pauseChange, removeDead } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** What takes a shard out between two waves. */
const takesOut = (handoff: Handoff): boolean => handoff.wave === undefined && isUnderWay(handoff);

/** A change in whose second wave a shard was declared dead; what takes the shard out is staged, and goes no further. */
async function takingOut() {
  const begun = await changeAt(scope, inSecondWave);
  const { open, registry, one } = begun;
  await (await lostProcess(open(), 'a')).vanish();
  const removing = removeDead(open(), NAME, 'a', WHO);
  removing.catch(() => {});
  await reached(registry, ({ dead }) => dead?.a !== undefined);
  one.from = takesOut;
  await one.look();
  await reached(registry, takesOut);
  return { ...begun, removing };
}

it('moves no more keys than a wave has where a shard is lost meanwhile, and stays paused', async () => {
  const isStaged = ({ step }: Handoff): boolean => step === 'stage';
  const { registry, one } = await changeAt(scope, isStaged);
  await pauseChange(registry, NAME, true);
  const { handoff } = await registry.handoffs.read(NAME);
  await registry.handoffs.advance(NAME, handoff as StoredHandoff, { lost: ['a'] });
  one.from = () => false;
  await one.look();
  const over = await reached(registry, ({ step }) => step === 'committed');
  expect(over).toMatchObject({ paused: true, wave: { number: 1 } });
  expect(over.wave?.to).toBeLessThan(1);
  expect((await registry.topologies.read(NAME))?.moving).toBeDefined();
});

it('moves all at once where a shard was dead when the change began', async () => {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  await router(scope, open(), 'one');
  await drive(scope, open());
  await registry.handoffs.stage(draft(['b', 'c']), {}, 'the test', ['a'], undefined, 'new');
  expect(await reached(registry, ({ step }) => step === 'committed')).toMatchObject({ to: 2, wave: { to: 1 } });
});

it('tells a command that waits when a shard was being taken out and another version is forced', async () => {
  const { registry, changing, removing } = await takingOut();
  await registry.topologies.commit(draft(['b', 'c']), { force: true });
  await expect(changing).rejects.toThrow(/was forced/);
  await expect(removing).resolves.toBe((await registry.topologies.read(NAME))?.version);
});

it('gives a change up once the shard is out that is being taken out, and all goes back but for that', async () => {
  const { registry, one, changing, removing } = await takingOut();
  const back = goBack(registry, NAME, 'enough', WHO, (to, { expected }) => {
    expect(to.shards.map(({ id }) => id)).toEqual(['b', 'c']);
    return change(registry, { ...to, version: null }, () => {}, { expected });
  });
  await reached(registry, ({ paused }) => paused === true);
  one.from = () => false;
  await one.look();
  expect((await removing) ?? 0).toBeGreaterThan(2);
  const version = (await back)?.version;
  await expect(changing).rejects.toThrow(HandoffAborted);
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(current.version).toBe(version);
  expect(ownersIn(current)).toEqual(ownersIn(draft(['b', 'c'])));
});

it('gives up what takes a shard out as well, where that does not come to its end, and goes back without the shard', async () => {
  const { registry, changing, removing } = await takingOut();
  const version = (
    await goBack(registry, NAME, 'enough', { ...WHO, takingOutMs: 1 }, (to, by) => {
      expect([to.shards.map(({ id }) => id), by.lost]).toEqual([['b', 'c'], ['a']]);
      return change(registry, to, () => {}, by);
    })
  )?.version;
  await expect(changing).rejects.toThrow(HandoffAborted);
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(current.version).toBe(version);
  expect(ownersIn(current)).toEqual(ownersIn(draft(['b', 'c'])));
  // Its removal was given up, or is done by what has gone back: whichever is seen first.
  await removing.catch((error: unknown) => expect(error).toBeInstanceOf(HandoffAborted));
});

it('waits for a process that has come since its shard was declared dead, where what takes the shard out is given up', async () => {
  const { open, registry, one } = await takingOut();
  const come = await lostProcess(open(), 'a');
  const going = goBack(registry, NAME, 'enough', { ...WHO, takingOutMs: 1 }, (to, by) => {
    one.from = () => false;
    return change(registry, to, () => {}, by);
  });
  const { handoff, nodes } = await vi.waitFor(async () => {
    const now = await registry.handoffs.read(NAME);
    expect([now.handoff?.step, now.handoff?.lost]).toEqual(['hold', ['a']]);
    return now;
  }, PATIENCE);
  const names = nodes.filter(({ shard }) => shard === 'a').map(instanceText);
  expect([names.length, handoff?.givenUp]).toEqual([2, [names.find((name) => !name.includes(come.instance))]]);
  expect((await registry.topologies.read(NAME))?.version).toBe(handoff?.from);
  await registry.handoffs.abort(NAME, handoff as StoredHandoff, 'the test is over');
  await expect(going).rejects.toThrow(HandoffAborted);
});

it.each([
  [
    'the registry has gone back',
    async (registry: Registry) => {
      const { handoff } = await registry.handoffs.read(NAME);
      await registry.handoffs.abort(NAME, handoff as StoredHandoff, 'the registry went back to what it was before');
    },
  ],
  [
    'a forgotten version is raised',
    async (registry: Registry) => {
      const { version } = (await registry.topologies.read(NAME)) as Topology;
      await registry.topologies.raise(NAME, (version + 10) as TopologyVersion);
    },
  ],
])('takes a shard out that was declared dead though what takes it out was given up because %s', async (_, giveUp) => {
  const { registry, one, changing, removing } = await takingOut();
  await giveUp(registry);
  one.from = () => false;
  await one.look();
  const version = (await removing) as TopologyVersion;
  expect(servingShards((await registry.topologies.readVersion(NAME, version)) as Topology)).not.toContainEqual(
    expect.objectContaining({ id: 'a' }),
  );
  await changing.catch(() => {});
});

it('goes back where a shard was taken out between giving a change up and going back, and not where others have made a change', async () => {
  const { open, registry, one, changing } = await changeAt(scope, inSecondWave);
  let calls = 0;
  const version = (
    await goBack(registry, NAME, 'enough', WHO, async (to, { expected }) => {
      one.from = () => false;
      if (++calls === 1) expect(await removeDead(open(), NAME, 'a', WHO)).not.toBeNull();
      return change(registry, to, () => {}, { expected });
    })
  )?.version;
  expect([calls, version]).toEqual([2, (await registry.topologies.read(NAME))?.version]);
  await expect(changing).rejects.toThrow(HandoffAborted);

  one.from = inSecondWave;
  const again = change(open(), draft(FOUR));
  again.catch(() => {});
  await reached(registry, inSecondWave);
  const going = goBack(registry, NAME, 'enough', WHO, async (to, { expected }) => {
    one.from = () => false;
    await change(registry, draft(['c', 'd']));
    return change(registry, to, () => {}, { expected });
  });
  await expect(going).rejects.toThrow(VersionConflict);
  expect(ownersIn((await registry.topologies.read(NAME)) as Topology)).toEqual(ownersIn(draft(['c', 'd'])));
});

it('stays, paused, where the store does not take what is left without a shard, and tells those who wait', async () => {
  const store = await sqlite(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft(['a', 'b', 'c']));
  const one = await router(scope, registryOn(store.open(), scope), 'one');
  one.from = inSecondWave;
  const link = new FaultyStore(store.open());
  const commit = link.commit.bind(link);
  link.commit = (conditions, changes) => {
    if (changes.some(({ key, value }) => key === STATE && value?.includes('"reason":"shard a declared dead"')))
      throw new StoreRefused('it is too large');
    return commit(conditions, changes);
  };
  const stopping = new AbortController();
  const driving = new HandoffDriver(registryOn(link, scope), NAME, clock).run(stopping.signal);
  const staged = await registry.handoffs.stage(draft(FOUR), {}, 'the test', [], undefined, 'new');
  await reached(registry, inSecondWave);
  const { handoff } = await registry.handoffs.read(NAME);
  await registry.handoffs.advance(NAME, handoff as StoredHandoff, { dead: { a: staged.revision }, lost: ['a'] });
  one.from = () => false;
  await one.look();
  const over = await reached(registry, ({ step }) => step === 'aborted');
  expect(over).toMatchObject({ paused: true, reason: 'shard a declared dead: it is too large' });
  expect(over.dead).toBeUndefined();
  // It still drives.
  await pauseChange(registry, NAME, false);
  await reached(registry, ({ step, wave }) => step === 'committed' && wave?.to === 1);
  stopping.abort();
  await driving;
});

it('says which lost shards a command has taken out that drives, and shows the steps of their removal', async () => {
  const open = await registries(scope);
  const registry = open();
  const failover = { failover: { afterMs: 1 } };
  await registry.topologies.commit(draft(['a', 'b', 'c'], failover));
  const one = await router(scope, open(), 'one');
  one.from = inSecondWave;
  const notices: string[] = [];
  const changing = change(open(), draft(FOUR, failover), () => {}, { onNotice: (notice) => notices.push(notice) });
  await reached(registry, inSecondWave);
  await (await lostProcess(open(), 'c', 0)).vanish();
  await reached(registry, ({ lost }) => lost.includes('c'));
  expect(notices).toEqual([expect.stringMatching(/^lost: c; version \d+ no longer waits for them$/)]);
  const steps: string[] = [];
  const removing = removeDead(open(), NAME, 'b', { ...WHO, onStep: ({ step }) => steps.push(step) });
  await reached(registry, ({ dead }) => dead?.b !== undefined);
  one.from = () => false;
  await one.look();
  await removing;
  await changing;
  expect(steps).toContain('stage');
  const current = (await registry.topologies.read(NAME)) as Topology;
  expect(servingShards(current).map(({ id }) => id)).toEqual(['a', 'd']);
});

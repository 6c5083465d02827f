import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { RegisteredOwnership, type Verdict } from '../ownership/index.ts';
import {
  type Handoff,
  type HandoffStep,
  isUnderWay,
  type Membership,
  newInstance,
  nodeName,
  nodeValue,
  type Registry,
  VersionConflict,
} from '../registry/index.ts';
import { checkTopology, type TopologyDraft } from '../topology/index.ts';
import { awaitedIn, changeTopology, controlCluster, HandoffDriver, type OnStep } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const CLUSTER = 'default/docs';
const LEASE_MS = 60_000;
const QUICK = { holdMs: 200, restMs: 50 };

function draft(shards: readonly string[], more: object = {}): TopologyDraft {
  const list = shards.map((id, i) => ({ id, address: `10.0.0.${i}:1` }));
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards: list, ...more }, 'the test');
}

/** Registries of their own on one file, closed at the test's end. */
async function registries(): Promise<() => Registry> {
  const store = await sqlite(scope);
  return () => registryOn(store.open(), scope);
}

/** A router, as far as the registry can tell: it acknowledges what it is told to. */
class Router {
  readonly #membership: Membership;
  readonly #value = { versions: { [CLUSTER]: 1 }, admin: { host: '', port: 0 }, listen: [] };

  constructor(registry: Registry, name: string) {
    this.#membership = registry.members.register('router', name, { ...this.#value, acknowledged: {} }, LEASE_MS);
    scope.defer(() => this.#membership.leave());
  }

  get ready(): Promise<void> {
    return this.#membership.ready;
  }

  acknowledge({ to, attempt }: Handoff, step: HandoffStep): Promise<void> {
    return this.#membership.update({ ...this.#value, acknowledged: { [CLUSTER]: { to, attempt, step } } });
  }

  leave(): Promise<void> {
    return this.#membership.leave();
  }
}

/** A process of a shard that takes part, as far as the registry can tell. @param beyondLeaseMs what it says that it may do */
async function shard(registry: Registry, id: string, beyondLeaseMs = 0) {
  const value = { address: '10.0.0.0:1', role: 'primary', healthy: true };
  const instance = newInstance();
  const path = nodeName(NAME, id, 'n');
  const membership = registry.members.register('node', path, value, LEASE_MS, () => {}, instance);
  scope.defer(() => membership.leave());
  await membership.ready;
  const rights = registry.handoffs.ownRights(
    NAME,
    { shard: id, nodeId: 'n', instance },
    { fencing: true, address: value.address, beyondLeaseMs, ended: false, process: '' },
  );
  const forever = new AbortController().signal;
  await rights.claim(forever, () => false);
  return {
    /** As one whose machine is lost: its lease ends, and no more is known. */
    vanish: () => membership.leave(),
    end: async () => {
      await rights.change({ ended: true }, forever);
      await membership.leave();
    },
    claim: () => rights.claim(forever, () => false),
    makeUnhealthy: () => membership.update({ ...value, healthy: false }),
    acknowledge: ({ to, attempt }: Handoff) =>
      membership.update({ ...value, acknowledged: { to, attempt, step: 'hold' } }),
  };
}

/** A driver that runs until it is stopped. */
function drive(registry: Registry, onStep: OnStep = () => {}): { stop(): Promise<void> } {
  const controller = new AbortController();
  const running = new HandoffDriver(registry, NAME, clock, { onStep, timing: QUICK }).run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  scope.defer(stop);
  return { stop };
}

async function reached(registry: Registry, step: HandoffStep): Promise<Handoff> {
  return vi.waitFor(async () => {
    const { handoff } = await registry.handoffs.read(NAME);
    if (handoff?.step !== step) throw new Error(`at ${JSON.stringify(handoff)}, not at ${step}`);
    return handoff;
  }, PATIENCE);
}

/** The participants that have to act before the handoff that is under way can go on. */
async function awaitedNow(registry: Registry): Promise<string[]> {
  const { handoff, nodes: known } = await registry.handoffs.read(NAME);
  const [routers, nodes] = [await registry.members.list('router'), await registry.members.list('node')];
  return awaitedIn(NAME, handoff as Handoff, { routers, nodes, known, blocking: [] });
}

/** Has a cluster controlled until the test ends. @returns what failover reports, as it comes */
function control(registry: Registry): readonly string[] {
  const done: string[] = [];
  const controller = new AbortController();
  const log = {
    onTerm: () => {},
    onStep: () => {},
    onFailover: (lost: readonly string[], what: string) => done.push(`${lost.join()}: ${what}`),
    onWarning: () => {},
  };
  const controlling = controlCluster(registry, NAME, 'me', clock, log, controller.signal);
  scope.defer(() => {
    controller.abort();
    return controlling;
  });
  return done;
}

it('takes each step once every router and every shard that loses has said so, and none before', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const routers = [new Router(open(), 'r0'), new Router(open(), 'r1')] as const;
  const losing = await shard(open(), 's0');
  await shard(open(), 's2');
  await Promise.all(routers.map(({ ready }) => ready));
  const staged = await registry.handoffs.stage(draft(['s1', 's2']), {}, 'a test');
  expect(staged).toMatchObject({ from: 1, to: 2, step: 'stage', losing: expect.arrayContaining(['s0']) });
  /** Steps that were taken, and whether all had acknowledged by then. */
  const taken: string[] = [];
  let isComplete = false;
  drive(open(), ({ step }) => {
    taken.push(`${step} ${isComplete}`);
    isComplete = false;
  });
  for (const step of ['stage', 'drain'] as const) {
    const handoff = await reached(registry, step);
    await routers[0].acknowledge(handoff, step);
    // What was said of another attempt says nothing.
    await routers[1].acknowledge({ ...handoff, attempt: handoff.attempt - 1 }, 'hold');
    isComplete = true;
    await routers[1].acknowledge(handoff, step);
  }
  const handoff = await reached(registry, 'hold');
  expect((await registry.topologies.read(NAME))?.version).toBe(1);
  await losing.acknowledge(handoff);
  await routers[0].acknowledge(handoff, 'hold');
  isComplete = true;
  await routers[1].acknowledge(handoff, 'hold');
  expect(await reached(registry, 'committed')).toMatchObject({ from: 1, to: 2 });
  expect(taken).toEqual(['drain true', 'hold true', 'committed true']);
  expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['s1', 's2']);
});

it('releases requests to their old owners if a member does not answer while they are held, and tries again', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const router = new Router(open(), 'r0');
  const losing = await shard(open(), 's0');
  await router.ready;
  const { attempt } = await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  drive(open());
  await router.acknowledge(await reached(registry, 'stage'), 'hold');
  // Until the shard answers.
  const again = await vi.waitFor(async () => {
    const { handoff } = await registry.handoffs.read(NAME);
    expect(handoff).toMatchObject({ step: 'drain', reason: 'shard s0 has not answered while requests were held' });
    return handoff as Handoff;
  }, PATIENCE);
  expect(again).toMatchObject({ attempt: attempt + 1, retries: 1 });
  await router.acknowledge(again, 'hold');
  await losing.acknowledge(again);
  await reached(registry, 'committed');
});

it('counts no acknowledgement of a handoff that the registry has forgotten, because it was restored from a backup', async () => {
  const [before, restored] = [(await registries())(), (await registries())()];
  const staged: Handoff[] = [];
  for (const registry of [before, restored]) {
    await registry.topologies.commit(draft(['s0']));
    staged.push(await registry.handoffs.stage(draft(['s1']), {}, 'a test'));
  }
  const router = new Router(restored, 'r');
  await router.ready;
  await router.acknowledge(staged[0] as Handoff, 'hold');
  expect(await awaitedNow(restored)).toEqual(['router r']);
  await router.acknowledge(staged[1] as Handoff, 'hold');
  expect(await awaitedNow(restored)).toEqual([]);
});

it('has a shard serve what it loses until every router holds it', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const router = new Router(open(), 'r0');
  const place = { host: 'here', pid: process.pid };
  const identity = { name: NAME, shard: 's1', address: '10.0.0.1:1', nodeId: 'n', leaseMs: LEASE_MS, process: place };
  const losing = new RegisteredOwnership(open(), identity, clock, { onVersion: () => {}, onLost: () => {} });
  await Promise.all([router.ready, losing.start()]);
  scope.defer(() => losing.stop());
  const own = Array.from({ length: 100 }, (_, i) => `p/${i}`).find(
    (key) => (losing.admit(key, 1) as Verdict).kind === 'owner',
  ) as string;
  await registry.handoffs.stage(draft(['s0']), {}, 'a test');
  const steps: string[] = [];
  drive(open(), ({ step }) => steps.push(step));
  const acknowledged = async (): Promise<unknown> =>
    nodeValue((await registry.members.list('node'))[0]?.value ?? {}).acknowledged;
  await router.acknowledge(await reached(registry, 'stage'), 'drain');
  // Held in vain, twice: the router still has something in flight.
  for (const retries of [1, 2]) {
    await vi.waitFor(async () => {
      const { handoff } = await registry.handoffs.read(NAME);
      expect(handoff).toMatchObject({ step: 'drain', retries });
      await router.acknowledge(handoff as Handoff, 'drain');
    }, PATIENCE);
    await vi.waitFor(() => expect(steps.filter((step) => step === 'hold').length).toBe(retries + 1), PATIENCE);
    expect(await acknowledged()).toBeUndefined();
    expect(losing.admit(own, 1)).toEqual({ kind: 'owner' });
  }
  const { handoff } = await registry.handoffs.read(NAME);
  await router.acknowledge(handoff as Handoff, 'hold');
  await reached(registry, 'committed');
  expect(await acknowledged()).toMatchObject({ to: 2, step: 'hold' });
  expect(losing.admit(own, 1)).toEqual({ kind: 'stale', version: 2 });
});

it.each(['stage', 'drain', 'hold'] as const)('is finished by another driver if its driver dies at %s', async (step) => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const router = new Router(open(), 'r0');
  await router.ready;
  const handoff = await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  const first = drive(open());
  if (step !== 'stage') await router.acknowledge(handoff, step === 'drain' ? 'stage' : 'drain');
  await reached(registry, step);
  await first.stop();
  await router.acknowledge(handoff, 'hold');
  drive(open());
  await reached(registry, 'committed');
});

it('begins nothing that a shard which is gone holds up, until it is known to be dead', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const router = new Router(open(), 'r0');
  await (await shard(open(), 's0')).vanish();
  await router.ready;
  const handoff = await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  const steps: string[] = [];
  drive(open(), ({ step }) => steps.push(step));
  await router.acknowledge(handoff, 'hold');
  await vi.waitFor(async () => expect(await awaitedNow(registry)).toEqual(['shard s0']), PATIENCE);
  expect(steps).toEqual([]);
  await registry.handoffs.abort(NAME, handoff, 'a test');
  await registry.handoffs.stage(draft(['s1']), {}, 'a test', ['s0']);
  await router.acknowledge(await reached(registry, 'stage'), 'hold');
  await reached(registry, 'committed');
});

it('can be driven by many at once without harm', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0']));
  for (let i = 0; i < 5; i++) drive(open());
  for (let version = 2; version < 20; version++) {
    const handoff = await registry.handoffs.stage(draft(['s0', `s${version}`]), {}, 'a test');
    expect(handoff.to).toBe(version);
    await vi.waitFor(async () => expect((await registry.topologies.read(NAME))?.version).toBe(version), PATIENCE);
  }
  expect((await registry.topologies.history(NAME)).length).toBe(19);
});

it('keeps other changes away while it is under way, except for forced ones', async () => {
  const open = await registries();
  const registry = open();
  const first = await registry.topologies.commit(draft(['s0']));
  await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  await expect(registry.topologies.commit(draft(['s2']))).rejects.toThrow(/a handoff to version 2 is under way/);
  await expect(registry.handoffs.stage(draft(['s2']), {}, 'a test')).rejects.toThrow(VersionConflict);
  expect((await registry.topologies.read(NAME))?.version).toBe(first.version);
  const forced = await registry.topologies.commit(draft(['s3']), { force: true });
  expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ step: 'aborted', from: forced.version });
});

it('changes an eventual cluster at once, and a strict one by a handoff that the command itself drives', async () => {
  const open = await registries();
  const registry = open();
  const steps: string[] = [];
  const change = (to: TopologyDraft) =>
    changeTopology(registry, to, { reason: 'a test', candidate: 'me', clock, onStep: ({ step }) => steps.push(step) });
  expect((await change(draft(['s0'], { consistency: 'eventual' }))).version).toBe(1);
  expect((await change(draft(['s1'], { consistency: 'eventual' }))).version).toBe(2);
  expect(steps).toEqual([]);
  const handoff = ['stage', 'drain', 'hold', 'committed'];
  // It becomes strict by a handoff, too.
  expect((await change(draft(['s2']))).version).toBe(3);
  expect(steps).toEqual(handoff);
  expect((await change(draft(['s3']))).version).toBe(4);
  expect(steps).toEqual([...handoff, ...handoff]);
});

it('commits nothing where a process of a shard that loses has come since it looked who has to be waited for', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0']), {});
  const { handoffs } = registry;
  const commit = handoffs.commit.bind(handoffs);
  let late: Awaited<ReturnType<typeof shard>> | undefined;
  vi.spyOn(handoffs, 'commit').mockImplementation(async (...args) => {
    late ??= await shard(open(), 's0');
    return commit(...args);
  });
  await handoffs.stage(draft(['s0', 's1']), {}, '');
  drive(registry);
  await vi.waitFor(async () => {
    const { handoff } = await handoffs.read(NAME);
    // On a busy machine an attempt may be over before it is acknowledged.
    if (handoff?.fence?.isUp === true) await late?.acknowledge(handoff);
    expect(handoff).toMatchObject({ step: 'committed', fence: { isUp: true } });
  }, PATIENCE);
});

it('gives up the processes of a lost shard that were known, and none that comes meanwhile', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  await (await shard(open(), 's0')).vanish();
  const { nodes } = await registry.handoffs.read(NAME);
  const staged = await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  const next = await shard(open(), 's0');
  const given = await registry.handoffs.advance(NAME, staged, { step: 'hold', lost: ['s0'] }, nodes);
  expect(given).toMatchObject({ lost: ['s0'] });
  expect(await awaitedNow(registry)).toEqual(['shard s0']);
  await next.acknowledge(given as Handoff);
  expect(await awaitedNow(registry)).toEqual([]);
});

it('does not give up a process that has been heard from since it was found to be gone', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const back = await shard(open(), 's0');
  const { nodes } = await registry.handoffs.read(NAME);
  const staged = await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  await back.claim();
  expect(await registry.handoffs.advance(NAME, staged, { lost: ['s0'] }, nodes)).toBeNull();
});

it('takes an unhealthy shard out too, and waits for its acknowledgement, because it is alive', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1'], { failover: { afterMs: 200 } }));
  const [unhealthy] = [await shard(open(), 's0'), await shard(open(), 's1')];
  control(open());
  await unhealthy.makeUnhealthy();
  const handoff = await reached(registry, 'hold');
  expect(handoff).toMatchObject({ reason: 'shard s0 lost', lost: [], losing: ['s0'] });
  await unhealthy.acknowledge(handoff);
  await reached(registry, 'committed');
  expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['s1']);
});

it('takes a lost shard out after its time, never the last one, and waits for it no more where it holds a change up', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1'], { failover: { afterMs: 300 } }));
  const shards = [await shard(open(), 's0'), await shard(open(), 's1')];
  const done = control(open());
  await shards[0]?.vanish();
  await vi.waitFor(async () => expect((await registry.topologies.read(NAME))?.version).toBe(2), PATIENCE);
  expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['s1']);
  expect(done).toEqual(['s0: version 2 leaves them out']);
  expect((await registry.handoffs.read(NAME)).nodes.map((node) => node.shard)).toEqual(['s1']);

  // The only one that is left is lost too: it stays, and a change that takes its keys away waits for it, and then no more.
  await shards[1]?.vanish();
  const staged = await registry.handoffs.stage(draft(['s2'], { failover: { afterMs: 300 } }), {}, 'a test');
  await vi.waitFor(async () => expect((await registry.topologies.read(NAME))?.version).toBe(3), PATIENCE);
  expect(done.slice(1)).toEqual([`s1: version ${staged.to} no longer waits for them`]);
  expect(isUnderWay((await registry.handoffs.read(NAME)).handoff as Handoff)).toBe(false);
});

it('waits for no process of a lost shard that came while it was given up, and was lost as well', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1'], { failover: { afterMs: 100 } }));
  const [lost] = [await shard(open(), 's0'), await shard(open(), 's1')];
  const router = new Router(open(), 'r');
  await router.ready;
  await registry.handoffs.stage(draft(['s1'], { failover: { afterMs: 100 } }), {}, 'a test');
  control(open());
  const isGivenUp = async (): Promise<void> => expect(await awaitedNow(registry)).toEqual(['router r']);
  await lost?.vanish();
  await vi.waitFor(async () => expect((await registry.handoffs.read(NAME)).handoff?.lost).toEqual(['s0']), PATIENCE);
  const second = await shard(open(), 's0', 1000);
  const third = await shard(open(), 's0');
  // As a shard is that must not serve before the handoff is over.
  await third.makeUnhealthy();
  await second.vanish();
  await vi.waitFor(isGivenUp, PATIENCE);
  // It is lost before it was well, with no other process beside it.
  await third.vanish();
  await vi.waitFor(isGivenUp, PATIENCE);
});

it('waits for no process that is over, while it can do nothing about an unhealthy shard', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1'], { failover: { afterMs: 100 } }));
  const [unhealthy, gone] = [await shard(open(), 's0'), await shard(open(), 's1', 1000)];
  await shard(open(), 's1');
  const router = new Router(open(), 'r');
  await router.ready;
  await registry.handoffs.stage(draft(['s1'], { failover: { afterMs: 100 } }), {}, 'a test');
  control(open());
  // The handoff takes its keys away already.
  await unhealthy.makeUnhealthy();
  await gone.vanish();
  await vi.waitFor(async () => expect(await awaitedNow(registry)).toEqual(['router r']), PATIENCE);
});

it('lets go of what is held where shards come at each attempt to commit, and tries again', async () => {
  const open = await registries();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  const r = new Router(open(), 'r');
  await r.ready;
  const comes = await shard(open(), 's2');
  const driver = open();
  const { handoffs } = driver;
  const commit = handoffs.commit.bind(handoffs);
  let isComing = true;
  handoffs.commit = async (...args) => {
    if (isComing) await comes.claim();
    return commit(...args);
  };
  drive(driver);
  await registry.handoffs.stage(draft(['s1']), {}, 'a test');
  const held: Handoff[] = [];
  const acknowledging = (async () => {
    for await (const event of registry.handoffs.watch(NAME, AbortSignal.timeout(20_000))) {
      const handoff = event.kind === 'view' ? event.view.handoff : null;
      if (handoff === null || handoff.step === 'committed') return;
      if (handoff.step === 'hold') held.push(handoff);
      isComing = held.every(({ attempt }) => attempt === held[0]?.attempt);
      await r.acknowledge(handoff, handoff.step);
    }
  })();
  const over = await reached(registry, 'committed');
  await acknowledging;
  expect(over).toMatchObject({ retries: 1 });
  expect(held[0]?.retries).toBe(0);
});

import { expect, vi } from 'vitest';
import { type ChangeOptions, changeTopology, controlCluster, type OnStep } from '../../src/handoff/index.ts';
import { keyBytes } from '../../src/placement/index.ts';
import { type Handoff, isUnderWay, KNOWS, newInstance, nodeName, type Registry } from '../../src/registry/index.ts';
import { Cluster, checkTopology, type Topology, type TopologyDraft } from '../../src/topology/index.ts';
import type { Scope } from './processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from './registries.ts';

export const NAME = { namespace: 'default', cluster: 'docs' };
export const CLUSTER = 'default/docs';
/** On each of them one stream is open. */
export const KEYS = Array.from({ length: 300 }, (_, i) => keyBytes(`key ${i}`));
export const STREAMS = 20;
/** The entry of the cluster's handoff. */
export const STATE = 'handoff/default/docs/state';
/** Who waits for a change. */
export const WHO = { candidate: 'the test', clock, timeOfDayMs: () => 0 };
export const FOUR = ['a', 'b', 'c', 'd'];

export function draft(shards: readonly string[], more: object = {}): TopologyDraft {
  const list = shards.map((id) => ({ id, address: `${id}:1` }));
  const waves = { streams: STREAMS, pauseMs: 1 };
  return checkTopology(
    { ...NAME, placement: { maglev: { tableSize: 1021 } }, shards: list, waves, ...more },
    'the test',
  );
}

export function ownersIn(topology: Topology | TopologyDraft): Array<string | undefined> {
  const cluster = new Cluster(topology);
  return KEYS.map((key) => cluster.shards[cluster.locate(key, 0, key.length)]?.id);
}

/** How many keys have another owner. */
export function moved(before: Topology, after: Topology): number {
  const owners = ownersIn(before);
  return ownersIn(after).filter((owner, i) => owner !== owners[i]).length;
}

/** Registries of their own on one file, closed at the test's end. */
export async function registries(scope: Scope): Promise<() => Registry> {
  const store = await sqlite(scope);
  return () => registryOn(store.open(), scope);
}

interface KeptRouter {
  /** What it is kept from. */
  from: (handoff: Handoff) => boolean;
  /** Whether no call of it takes long; it does not say where that is undefined. While requests are held, it is not done where one does. */
  isQuiet: (handoff: Handoff) => boolean | undefined;
  /** It looks at the handoff again. */
  look: () => Promise<void>;
  /** Each handoff for which it has written its entry. */
  readonly said: Handoff[];
}

/** A router with a watch on each key, as far as the registry can tell: it acknowledges each step, but for those that it is kept from. */
export async function router(
  scope: Scope,
  registry: Registry,
  name: string,
  knows: readonly string[] | null = KNOWS,
): Promise<KeptRouter> {
  const value = { versions: { [CLUSTER]: 1 }, admin: { host: '', port: 0 }, listen: [], ...(knows && { knows }) };
  const membership = registry.members.register('router', name, { ...value, acknowledged: {} }, 60_000);
  await membership.ready;
  const stopping = new AbortController();
  const kept: KeptRouter = { from: () => false, isQuiet: () => undefined, look: () => Promise.resolve(), said: [] };
  const acknowledge = async (handoff: Handoff | null, staged: Topology | null): Promise<void> => {
    if (handoff === null || staged === null || !isUnderWay(handoff) || kept.from(handoff)) return;
    const { from, to, attempt } = handoff;
    const quiet = kept.isQuiet(handoff);
    const step = quiet === false ? 'stage' : handoff.step;
    const current = (await registry.topologies.readVersion(NAME, from)) as Topology;
    const streams = knows === null ? {} : { streams: moved(current, staged), ...(quiet !== undefined && { quiet }) };
    kept.said.push(handoff);
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

export function change(
  registry: Registry,
  to: TopologyDraft,
  onStep: OnStep = () => {},
  more: Partial<Pick<ChangeOptions, 'replacesStopped' | 'expected' | 'lost' | 'gone' | 'onNotice'>> = {},
): Promise<Topology> {
  return changeTopology(registry, to, { reason: 'the test', candidate: 'the test', clock, onStep, ...more });
}

export async function reached(registry: Registry, is: (handoff: Handoff) => boolean): Promise<Handoff> {
  return vi.waitFor(async () => {
    const { handoff } = await registry.handoffs.read(NAME);
    expect(handoff).not.toBeNull();
    if (handoff === null || !is(handoff)) throw new Error(`at ${JSON.stringify(handoff)}`);
    return handoff;
  }, PATIENCE);
}

export const inSecondWave = (handoff: Handoff): boolean => handoff.wave?.number === 2;

/** A change from three shards to four that has come as far as this, and stays there until its router is kept from nothing. */
export async function changeAt(scope: Scope, is: (handoff: Handoff) => boolean, more: object = {}) {
  const open = await registries(scope);
  const registry = open();
  await registry.topologies.commit(draft(['a', 'b', 'c'], more));
  const one = await router(scope, open(), 'one');
  one.from = is;
  const changing = change(open(), draft(['a', 'b', 'c', 'd'], more));
  changing.catch(() => {});
  await reached(registry, is);
  return { open, registry, one, changing };
}

/** A process of a shard that takes part, and is gone without a word. */
export async function lostProcess(registry: Registry, id: string, beyondLeaseMs = Number.POSITIVE_INFINITY) {
  const instance = newInstance();
  const value = { address: `${id}:1`, role: 'primary', healthy: true, knows: ['waves'] };
  const membership = registry.members.register('node', nodeName(NAME, id, 'n'), value, 60_000, () => {}, instance);
  await membership.ready;
  const node = { shard: id, nodeId: 'n', instance };
  const rights = registry.handoffs.ownRights(NAME, node, {
    fencing: true,
    address: value.address,
    beyondLeaseMs,
    ended: false,
    process: '',
  });
  const claim = (): Promise<unknown> => rights.claim(new AbortController().signal, () => false);
  await claim();
  return { instance, vanish: () => membership.leave(), comeBack: claim };
}

/** Resolves once it drives. */
export async function drive(scope: Scope, registry: Registry): Promise<void> {
  const stopping = new AbortController();
  await new Promise<void>((onTerm) => {
    const log = { onTerm: () => onTerm(), onStep: () => {}, onFailover: () => {}, onWarning: () => {} };
    const running = controlCluster(registry, NAME, 'a router', clock, log, stopping.signal);
    scope.defer(async () => {
      stopping.abort();
      await running;
    });
  });
}

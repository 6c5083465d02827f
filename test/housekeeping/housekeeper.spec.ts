import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  Board,
  clusterElection,
  Housekeeper,
  type HousekeeperOptions,
  HousekeepingMetrics,
  type Progress,
  type Run,
  type RunRecord,
  StaleRun,
  shardElection,
  type Task,
  type TaskSettings,
  unitText,
} from '../../src/housekeeping/index.ts';
import { type Registry, type Store, StoreUnavailable } from '../../src/registry/index.ts';
import { RemoteStore } from '../../src/registry/store/remote-store.ts';
import { Cluster, checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import { Cable } from '../support/cable.ts';
import { Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn, served, sqlite } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const PROJECTS = Array.from({ length: 30 }, (_, i) => `p${i}`);
/** Outlives a machine that is busy for seconds. */
const LEASE = { lengthMs: 20_000, renewMs: 300, livenessMs: 15_000 };
/** Ends while a test lasts; as far apart as the defaults are. */
const SHORT = { lease: { lengthMs: 1500, renewMs: 300, livenessMs: 1000 } };
const QUICK: TaskSettings = {
  schedule: { everyMs: 200, jitter: 0.1 },
  concurrency: 4,
  timeLimitMs: 20_000,
  candidates: 10,
};
/** Not due while a test lasts. */
const RARE: TaskSettings = { ...QUICK, schedule: { cron: '0 0 29 2 *' } };

function draft(shards: readonly string[]): TopologyDraft {
  const list = shards.map((id, i) => ({ id, address: `10.0.0.${i}:1` }));
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards: list, consistency: 'eventual' }, 'the test');
}

function ownerIn(topology: TopologyDraft, project: string): string | undefined {
  const key = Buffer.from(project);
  return topology.shards[new Cluster(topology).locate(key, 0, key.length)]?.id;
}

interface Seen {
  readonly node: string;
  readonly task: string;
  readonly unit: string;
  readonly token: number;
  readonly record: RunRecord;
}

/** What was carried out, by whom. */
const seen: Seen[] = [];
const runsOf = (unit: string): Seen[] => seen.filter((each) => each.unit === unit && each.record.outcome === 'done');
beforeEach(() => {
  seen.length = 0;
});

interface NodeOfTest {
  readonly housekeeper: Housekeeper;
  readonly metrics: HousekeepingMetrics;
  stop(): Promise<void>;
}

/** A node that takes part. */
function node(
  registry: Registry,
  shard: string,
  tasks: readonly Task[],
  more: Partial<HousekeeperOptions> = {},
): NodeOfTest {
  const metrics = new HousekeepingMetrics();
  const stopping = new AbortController();
  const housekeeper = new Housekeeper({
    registry,
    name: NAME,
    shard,
    node: shard,
    lease: LEASE,
    projectsBy: 'owner',
    tasks,
    projects: async () => PROJECTS,
    projectsEveryMs: 10_000,
    clock,
    timeOfDayMs: Date.now,
    random: Math.random,
    listener: {
      onTerm: (election, leads) => metrics.onTerm(election, leads),
      onUnits: (count) => metrics.onUnits(count),
      onRun: (task, unit, record, lagMs) => {
        metrics.onRun(task, unit, record, lagMs);
        seen.push({ node: shard, task: task.name, unit, token: record.token, record });
      },
      onFault: () => {},
    },
    ...more,
  });
  const running = housekeeper.run(stopping.signal);
  const stop = (): Promise<void> => {
    stopping.abort();
    return running;
  };
  scope.defer(stop);
  return { housekeeper, metrics, stop };
}

const done: Progress = { cursor: null, candidates: 1, changed: 1 };
const task = (run: Task['run'] = async () => done, settings = QUICK, more: Partial<Task> = {}): Task => ({
  name: 'sweep',
  unit: 'project',
  settings,
  run,
  ...more,
});

async function opened(): Promise<() => Registry> {
  const store = await sqlite(scope);
  return () => registryOn(store.open(), scope);
}

/** Who has which project. */
async function projectClaims(registry: Registry) {
  return [...(await new Board(registry, NAME).claims())].filter(([unit]) => unit.startsWith('project/'));
}

/** A cluster of one shard in a registry, which one client reaches by a cable that can be cut. */
async function behindCable() {
  const store = await served(scope);
  const cable = await Cable.to(store.address);
  scope.defer(() => cable.close());
  const cutOff = registryOn(new RemoteStore({ address: cable.address }), scope);
  const other = registryOn(store.open(), scope);
  await other.topologies.commit(draft(['s0']));
  return { cable, cutOff, other };
}

/** Resolves once `run` is told to stop. */
const stopped = (run: Run): Promise<void> =>
  new Promise((resolve) => run.signal.addEventListener('abort', () => resolve(), { once: true }));

it('carries each project out on the owner of its key, the cluster and each shard on their leaders', async () => {
  const open = await opened();
  const topology = draft(['s0', 's1', 's2']);
  await open().topologies.commit(topology);
  const tasks = [
    task(),
    task(undefined, QUICK, { name: 'of-shard', unit: 'shard' }),
    task(undefined, QUICK, { name: 'of-cluster', unit: 'cluster' }),
  ];
  for (const shard of ['s0', 's1', 's2']) node(open(), shard, tasks);
  await vi.waitFor(() => {
    for (const project of PROJECTS) expect(runsOf(`project/${project}`).length).toBeGreaterThan(1);
    expect(runsOf('cluster').length).toBeGreaterThan(1);
    for (const shard of ['s0', 's1', 's2']) expect(runsOf(`shard/${shard}`).length).toBeGreaterThan(1);
  }, PATIENCE);
  for (const { node: by, unit } of seen) {
    const [kind, name] = unit.split('/');
    if (kind === 'project') expect(by).toBe(ownerIn(topology, name as string));
    if (kind === 'shard') expect(by).toBe(name);
  }
  expect(new Set(seen.filter(({ unit }) => unit === 'cluster').map(({ node: by }) => by)).size).toBe(1);
});

it("carries all projects out on one node if they are the leader's, and on the next once that node has gone", async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0', 's1']));
  const nodes = ['s0', 's1'].map((shard) => ({ shard, ...node(open(), shard, [task()], { projectsBy: 'leader' }) }));
  await vi.waitFor(() => {
    for (const project of PROJECTS) expect(runsOf(`project/${project}`).length).toBeGreaterThan(0);
  }, PATIENCE);
  const [leader] = new Set(seen.map(({ node: by }) => by));
  expect(new Set(seen.map(({ node: by }) => by)).size).toBe(1);
  await nodes.find(({ shard }) => shard === leader)?.stop();
  seen.length = 0;
  await vi.waitFor(() => {
    for (const project of PROJECTS) expect(runsOf(`project/${project}`).length).toBeGreaterThan(0);
  }, PATIENCE);
  expect(seen.every(({ node: by }) => by !== leader)).toBe(true);
});

it('hands a project over at a safe point, with its cursor, and never has two at it', async () => {
  const open = await opened();
  const before = draft(['s0', 's1']);
  await open().topologies.commit(before);
  const under = new Map<string, string>();
  const cursors: Array<readonly [by: string, project: string, from: string | null]> = [];
  /** Goes on for as long as it may, and keeps how far it came. */
  const endless = (by: string): Task =>
    task(
      async (run) => {
        const unit = unitText(run.unit);
        expect(under.get(unit)).toBeUndefined();
        under.set(unit, by);
        cursors.push([by, unit, run.cursor]);
        await stopped(run);
        under.delete(unit);
        return { cursor: `${by} was here`, candidates: 1, changed: 0 };
      },
      { ...QUICK, concurrency: 100 },
    );
  for (const shard of ['s0', 's1', 's2']) node(open(), shard, [endless(shard)]);
  await vi.waitFor(() => expect(under.size).toBe(PROJECTS.length), PATIENCE);
  const after = draft(['s0', 's1', 's2']);
  const moved = PROJECTS.filter((project) => ownerIn(before, project) !== ownerIn(after, project));
  expect(moved.length).toBeGreaterThan(0);
  await open().topologies.commit(after);
  await vi.waitFor(() => {
    for (const project of moved) expect(under.get(`project/${project}`)).toBe(ownerIn(after, project));
  }, PATIENCE);
  for (const project of moved)
    expect(cursors.filter(([, unit]) => unit === `project/${project}`)).toEqual([
      [ownerIn(before, project), `project/${project}`, null],
      [ownerIn(after, project), `project/${project}`, `${ownerIn(before, project)} was here`],
    ]);
  // What did not move was not disturbed.
  expect(cursors.length).toBe(PROJECTS.length + moved.length);
});

it('has larger tokens at each new owner', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  const first = node(open(), 's0', [task()]);
  await vi.waitFor(() => expect(runsOf('project/p1').length).toBeGreaterThan(0), PATIENCE);
  await first.stop();
  const [{ token }] = runsOf('project/p1') as [Seen];
  seen.length = 0;
  node(open(), 's0', [task()]);
  await vi.waitFor(() => expect(runsOf('project/p1').length).toBeGreaterThan(0), PATIENCE);
  expect(runsOf('project/p1')[0]?.token).toBeGreaterThan(token);
});

it('stops by its own clock where it cannot renew, before another has taken over', async () => {
  const { cable, cutOff, other } = await behindCable();
  let started = 0;
  const stops: number[] = [];
  const hold = task(
    async (run) => {
      started++;
      await stopped(run);
      stops.push(clock());
      return { cursor: 'here', candidates: 1, changed: 0 };
    },
    { ...QUICK, concurrency: 100 },
  );
  node(cutOff, 's0', [hold], SHORT);
  await vi.waitFor(
    async () => expect((await other.elections.leader(shardElection(NAME, 's0')))?.candidate).toBe('s0'),
    PATIENCE,
  );
  const begun: number[] = [];
  const successor = task(async () => {
    begun.push(clock());
    return done;
  });
  await vi.waitFor(() => expect(started).toBe(PROJECTS.length), PATIENCE);
  node(other, 's0', [successor], SHORT);
  cable.cut();
  await vi.waitFor(() => expect(begun.length).toBeGreaterThan(PROJECTS.length), PATIENCE);
  expect(stops).toHaveLength(PROJECTS.length);
  expect(Math.max(...stops)).toBeLessThan(Math.min(...begun));
  cable.mend();
});

it('takes what it has claimed without having heard of it', async () => {
  const under = await sqlite(scope);
  const store = under.open();
  const lost: string[] = [];
  // The first claim is carried out, and its answer does not come.
  const commit: Store['commit'] = async (conditions, changes) => {
    const revision = await store.commit(conditions, changes);
    if (lost.length > 0 || !changes.some(({ key }) => key.includes('/claim/project/'))) return revision;
    lost.push(...changes.map(({ key }) => key));
    throw new StoreUnavailable('of the test', new Error('the answer is lost'));
  };
  const faulty: Store = {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    commit,
    watch: (prefix, after, watcher) => store.watch(prefix, after, watcher),
    recall: (seen) => store.recall(seen),
    grantLease: (lengthMs) => store.grantLease(lengthMs),
    renewLease: (lease) => store.renewLease(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    closed: store.closed,
    close: () => store.close(),
  };
  await registryOn(under.open(), scope).topologies.commit(draft(['s0']));
  node(registryOn(faulty, scope), 's0', [task()], SHORT);
  await vi.waitFor(() => {
    for (const project of PROJECTS) expect(runsOf(`project/${project}`).length).toBeGreaterThan(0);
  }, PATIENCE);
  expect(lost.length).toBeGreaterThan(0);
});

it('does not resign before its runs have stopped, though it could tell the registry', async () => {
  const { cable, cutOff, other } = await behindCable();
  let started = 0;
  const ends: number[] = [];
  const slow = task(async (run) => {
    started++;
    await stopped(run);
    cable.mend();
    // A step that cannot be broken off.
    await new Promise((resolve) => setTimeout(resolve, 250));
    ends.push(clock());
    return { cursor: 'here', candidates: 1, changed: 0 };
  });
  const { stop } = node(cutOff, 's0', [slow], { ...SHORT, projects: async () => ['p1'] });
  await vi.waitFor(() => expect(started).toBe(1), PATIENCE);
  const begun: number[] = [];
  const successor = task(async () => {
    begun.push(clock());
    return done;
  });
  node(other, 's0', [successor], { ...SHORT, projects: async () => ['p1'] });
  cable.cut();
  await vi.waitFor(() => expect(ends).toHaveLength(1), PATIENCE);
  const stopping = stop();
  await vi.waitFor(() => expect(begun.length).toBeGreaterThan(0), PATIENCE);
  expect(begun[0]).toBeGreaterThan(ends[0] as number);
  await stopping;
});

it('ends a run that takes too long, reports it, and tries again after an ever longer pause', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  const slow = task(
    async (run) => {
      await stopped(run);
      return { cursor: 'half', candidates: 5, changed: 0 };
    },
    { ...QUICK, timeLimitMs: 50, concurrency: 100 },
  );
  const { metrics } = node(open(), 's0', [slow], { projects: async () => ['p1'] });
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(2), PATIENCE);
  expect(seen[0]?.record).toMatchObject({ outcome: 'overran', candidates: 5 });
  const state = await vi.waitFor(async () => {
    const found = (await new Board(open(), NAME).allStates()).get('project/p1')?.tasks.sweep;
    expect(found?.failures).toBeGreaterThan(1);
    return found;
  }, PATIENCE);
  expect(state?.cursor).toBe('half');
  expect(await metrics.text()).toMatch(/keyway_housekeeping_runs_total\{task="sweep",outcome="overran"\} [1-9]/);
});

it('keeps how far a run had come that failed, and what its fault was', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  const cursors: Array<string | null> = [];
  const failing = task(
    async (run) => {
      cursors.push(run.cursor);
      run.onProgress({ cursor: `step ${cursors.length}`, candidates: 3, changed: 1 });
      if (cursors.length < 3) throw new Error('the disk is full');
      return done;
    },
    { ...QUICK, schedule: { everyMs: 500, jitter: 0 } },
  );
  node(open(), 's0', [failing], { projects: async () => ['p1'] });
  await vi.waitFor(() => expect(runsOf('project/p1').length).toBeGreaterThan(0), PATIENCE);
  expect(cursors.slice(0, 3)).toEqual([null, 'step 1', 'step 2']);
  expect(seen[0]?.record).toMatchObject({ outcome: 'failed', error: 'the disk is full', candidates: 3, changed: 1 });
});

it('gives each project its turn, however much a large one has to do', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  const order: string[] = [];
  const slices = task(
    async (run) => {
      const unit = unitText(run.unit);
      order.push(unit);
      await new Promise((resolve) => setImmediate(resolve));
      return { cursor: unit === 'project/p0' ? 'more' : null, candidates: run.candidates, changed: 0 };
    },
    { ...QUICK, schedule: { everyMs: 1, jitter: 0 }, concurrency: 1 },
  );
  node(open(), 's0', [slices]);
  // The large one has more to do for ever: a turn that it did not give up would leave none to the others.
  const turnsOf = (project: string): number => order.filter((unit) => unit === `project/${project}`).length;
  await vi.waitFor(() => expect(Math.min(...PROJECTS.map(turnsOf))).toBeGreaterThanOrEqual(3), PATIENCE);
});

it('carries no more out at once than it may', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  let [now, most] = [0, 0];
  const counted = task(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now--;
    return done;
  });
  node(open(), 's0', [counted]);
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(2 * PROJECTS.length), PATIENCE);
  expect(most).toBe(QUICK.concurrency);
});

it('gives up a unit whose token the store refuses, and counts it', async () => {
  const open = await opened();
  await open().topologies.commit(draft(['s0']));
  let refused = 0;
  const fenced = task(async ({ token }) => {
    if (refused++ === 0) throw new StaleRun('project/p1', token, token + 1);
    return done;
  });
  const { metrics } = node(open(), 's0', [fenced], { projects: async () => ['p1'] });
  await vi.waitFor(() => expect(runsOf('project/p1').length).toBeGreaterThan(0), PATIENCE);
  expect(seen[0]?.record.outcome).toBe('stale');
  // It was claimed anew.
  expect(runsOf('project/p1')[0]?.token).toBeGreaterThan(seen[0]?.token as number);
  expect(await metrics.text()).toContain('keyway_housekeeping_stale_tokens_total{task="sweep"} 1');
});

it('follows an order at once, for all or for one, and once', async () => {
  const open = await opened();
  const registry = open();
  await registry.topologies.commit(draft(['s0', 's1']));
  for (const shard of ['s0', 's1']) node(open(), shard, [task(undefined, RARE)]);
  const board = new Board(registry, NAME);
  await vi.waitFor(async () => expect((await board.allStates()).size).toBe(PROJECTS.length), PATIENCE);
  expect(seen).toEqual([]);
  await board.order('sweep', 'project/p7', { at: 'now' });
  await vi.waitFor(() => expect(seen.map(({ unit }) => unit)).toEqual(['project/p7']), PATIENCE);
  await board.order('sweep', null, { at: 'now' });
  await vi.waitFor(() => expect(seen.length).toBe(1 + PROJECTS.length), PATIENCE);
  // The next who has them knows that it was followed.
  await vi.waitFor(async () => {
    const states = [...(await board.allStates()).values()];
    expect(states.every(({ tasks }) => (tasks.sweep?.ordered ?? 0) > 0)).toBe(true);
  }, PATIENCE);
  await registry.topologies.commit(draft(['s0']));
  await vi.waitFor(async () => {
    expect((await projectClaims(registry)).map(([, { node: by }]) => by)).toEqual(PROJECTS.map(() => 's0'));
  }, PATIENCE);
  expect(seen.length).toBe(1 + PROJECTS.length);
});

it('carries nothing out that is paused, but for an order, and catches up once', async () => {
  const open = await opened();
  const registry = open();
  await registry.topologies.commit(draft(['s0']));
  const board = new Board(registry, NAME);
  await board.pause(() => ['sweep']);
  node(open(), 's0', [task()], { projects: async () => ['p1'] });
  await vi.waitFor(async () => expect((await board.allStates()).size).toBe(1), PATIENCE);
  await board.order('sweep', 'project/p1', { at: 'now' });
  await vi.waitFor(() => expect(seen.length).toBe(1), PATIENCE);
  // Several turns are missed meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 4 * 200));
  expect(seen.length).toBe(1);
  await board.pause(() => []);
  await vi.waitFor(() => expect(seen.length).toBe(3), PATIENCE);
  const [, second, third] = seen as [Seen, Seen, Seen];
  expect(third.record.beganMs - second.record.beganMs).toBeGreaterThan(100);
});

it('forgets a project that no longer exists, and finds a new one', async () => {
  const open = await opened();
  const registry = open();
  await registry.topologies.commit(draft(['s0']));
  let projects = ['p1', 'p2'];
  node(open(), 's0', [task()], { projects: async () => projects, projectsEveryMs: 50 });
  const board = new Board(registry, NAME);
  await vi.waitFor(
    async () => expect([...(await board.allStates()).keys()]).toEqual(['project/p1', 'project/p2']),
    PATIENCE,
  );
  projects = ['p2', 'p3'];
  await vi.waitFor(async () => {
    expect([...(await board.allStates()).keys()]).toEqual(['project/p2', 'project/p3']);
    expect((await projectClaims(registry)).map(([unit]) => unit)).toEqual(['project/p2', 'project/p3']);
  }, PATIENCE);
});

it('lists the tasks', async () => {
  const open = await opened();
  const registry = open();
  await registry.topologies.commit(draft(['s0']));
  node(open(), 's0', [task()]);
  await vi.waitFor(async () => {
    expect(Object.fromEntries(await new Board(registry, NAME).tasks())).toEqual({
      sweep: { unit: 'project', schedule: 'every 0.2 s', concurrency: 4, timeLimitMs: 20_000, candidates: 10 },
    });
    expect((await registry.elections.leader(clusterElection(NAME)))?.candidate).toBe('s0');
  }, PATIENCE);
});

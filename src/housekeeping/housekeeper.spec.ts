import { afterEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, type StoreUnderTest, sqlite } from '../../test/support/registries.ts';
import { checkTopology, type TopologyDraft } from '../topology/index.ts';
import { Housekeeper } from './housekeeper.ts';
import { type Run, type Task, taskSettings } from './index.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const CLAIM = 'housekeeping/default/docs/board/claim/project/';
const LEASE = { lengthMs: 60_000, renewMs: 20_000, livenessMs: 50_000 };
const PROJECTS = ['a', 'b', 'c'];

/** A version by which one shard owns every project. */
function ownedBy(...pinned: readonly string[]): TopologyDraft {
  const shards = ['s0', 's1'].map((id, i) => ({ id, address: `10.0.0.${i + 1}:1` }));
  const pins = PROJECTS.map((key, i) => ({ key, shard: pinned[i % pinned.length] as string }));
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards, pins }, 'the test');
}

/** A node that keeps house for a shard, by a link of its own to the registry. */
class Node {
  readonly link: FaultyStore;
  /** Units of runs that have begun. */
  readonly runs: string[] = [];
  /** Called for each run that begins. */
  onRun: (run: Run) => Promise<void> = async () => {};

  constructor(store: StoreUnderTest, shard: string) {
    this.link = new FaultyStore(store.open());
    const task: Task = {
      name: 'sweep',
      unit: 'project',
      settings: taskSettings({ every: 50 }),
      run: async (run) => {
        this.runs.push(run.unit.kind === 'project' ? run.unit.project : run.unit.kind);
        await this.onRun(run);
        return { cursor: null, candidates: 1, changed: 0 };
      },
    };
    const housekeeper = new Housekeeper({
      registry: registryOn(this.link, scope),
      name: NAME,
      shard,
      node: shard,
      lease: LEASE,
      projectsBy: 'owner',
      tasks: [task],
      projects: async () => PROJECTS,
      projectsEveryMs: 60_000,
      clock,
      timeOfDayMs: Date.now,
      random: Math.random,
      listener: { onTerm: () => {}, onUnits: () => {}, onRun: () => {}, onFault: () => {} },
    });
    const stopping = new AbortController();
    const running = housekeeper.run(stopping.signal);
    scope.defer(() => {
      stopping.abort();
      return running;
    });
  }
}

it('gives back a claim that it did not hear of, if the unit has gone elsewhere meanwhile', async () => {
  const store = await sqlite(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(ownedBy('s0'));
  const first = new Node(store, 's0');
  let claimed = false;
  first.link.fate = (method, changes) => {
    if (method !== 'commit' || !changes.some(({ key }) => key.includes(CLAIM))) return 'done';
    if (claimed) return 'lost';
    claimed = true;
    return 'unanswered';
  };
  await vi.waitFor(async () => expect(await registry.documents.list(CLAIM)).toHaveLength(PROJECTS.length), PATIENCE);
  const second = new Node(store, 's1');
  await registry.topologies.commit(ownedBy('s1'));
  // By then the first one knows that nothing is its own any more, and its registry is well.
  await vi.waitFor(async () => expect((await registry.elections.list()).length).toBe(3), PATIENCE);
  first.link.fate = () => 'done';
  await vi.waitFor(() => expect(new Set(second.runs)).toEqual(new Set(PROJECTS)), PATIENCE);
  expect(first.runs).toEqual([]);
});

import { expect, it, vi } from 'vitest';
import type { HandoffEvent, HandoffStep, Registry, StoredHandoff, TopologyEvent } from '../registry/index.ts';
import { EventQueue } from '../runtime/event-queue.ts';
import { pausesBy } from '../runtime/pause.ts';
import { checkTopology, type Topology } from '../topology/index.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { ClusterFollower } from './cluster-follower.ts';
import type { TopologyKeeper } from './topology-copy.ts';

const NAME = { namespace: 'default', cluster: 'docs' };

function topology(version: number): Topology {
  const shards = [{ id: `s${version}`, address: '10.0.0.1:1' }];
  return checkTopology({ ...NAME, version, shards }, 'the test') as Topology;
}

/** A registry whose two watches report what the test says, when it says so. */
class ScriptedRegistry {
  readonly #topologies = new EventQueue<TopologyEvent>();
  readonly #handoffs = new EventQueue<HandoffEvent>();
  readonly events: ClusterEvent[] = [];
  readonly raised: number[] = [];
  readonly #follower: ClusterFollower;
  #revision = 0;
  /** Which version is current by the next read; the handoff is the one that was reported last. */
  pointer = 1;

  constructor(kept: TopologyKeeper | null = null) {
    const registry = {
      topologies: {
        watch: () => this.#topologies,
        raise: async (_name: object, above: number) => this.raised.push(above),
      },
      handoffs: {
        watch: () => this.#handoffs,
        read: async () => ({ pointer: { version: this.pointer }, handoff: { revision: this.#revision } }),
      },
      incarnation: async () => '',
      settled: async () => {},
      pause: pausesBy(() => 0.5),
    } as unknown as Registry;
    this.#follower = new ClusterFollower(registry, kept, 'docs', NAME, (event) => this.#onEvent(event));
    void this.#follower.run(new AbortController().signal);
  }

  #onEvent(event: ClusterEvent): void {
    this.events.push(event);
    if (event.kind === 'routing') this.#follower.carriedOut(event.id);
  }

  /** Resolves once the follower does what a read says that is made now. */
  confirmed(): Promise<void> {
    return this.#follower.confirmed(new AbortController().signal);
  }

  topology(version: number): void {
    this.#topologies.push({ kind: 'topology', topology: topology(version), incarnation: '' });
  }

  handoff(from: number, to: number, step: HandoffStep | null, attempt = to): void {
    this.#revision++;
    const isUnderWay = step !== null && step !== 'committed' && step !== 'aborted';
    const handoff = { from, to, step, attempt, lost: [], losing: [], revision: this.#revision };
    const view = {
      handoff: step === null ? null : (handoff as unknown as StoredHandoff),
      staged: isUnderWay ? topology(to) : null,
      nodes: [],
      autonomous: [],
    };
    this.#handoffs.push({ kind: 'view', view, incarnation: '' });
  }

  /** What was reported so far, each as `version`, or `version>next step`. */
  get routing(): string[] {
    return this.events.flatMap((event) => {
      if (event.kind !== 'routing') return [];
      const { table, staged } = event;
      return [`${table?.version ?? 'none'}${staged === null ? '' : `>${staged.to} ${staged.step}`}`];
    });
  }

  async reports(...routing: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.routing).toEqual(routing));
  }
}

it('reports the topology and what is staged beside it as of one moment', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  await scripted.reports();
  scripted.handoff(1, 2, null);
  await scripted.reports('1');
  scripted.handoff(1, 2, 'stage');
  scripted.handoff(1, 2, 'hold');
  scripted.handoff(1, 2, 'committed');
  await scripted.reports('1', '1>2 stage', '1>2 hold', '2');
  scripted.topology(2);
  scripted.handoff(2, 3, 'stage');
  scripted.handoff(2, 3, 'aborted');
  await scripted.reports('1', '1>2 stage', '1>2 hold', '2', '2>3 stage', '2');
});

it('goes ahead by the handoff, and ignores versions that its own watch reports late', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  for (const [from, to] of [
    [1, 2],
    [2, 3],
  ] as const) {
    scripted.handoff(from, to, 'hold');
    scripted.handoff(from, to, 'committed');
  }
  await scripted.reports('1>2 hold', '2', '2>3 hold', '3');
  scripted.topology(2);
  scripted.topology(3);
  scripted.topology(4);
  await scripted.reports('1>2 hold', '2', '2>3 hold', '3', '4');
});

it('has a version that comes again raised above all that it has known, and goes on with what it knows until then', async () => {
  const scripted = new ScriptedRegistry();
  scripted.handoff(1, 2, null);
  scripted.topology(4);
  await scripted.reports('4');
  scripted.topology(2);
  await vi.waitFor(() => expect(scripted.raised[0]).toBe(4));
  await scripted.reports('4');
  scripted.topology(5);
  await scripted.reports('4', '5');
});

it('releases nothing that is held before it knows the version in question', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  scripted.handoff(1, 2, 'hold');
  await scripted.reports('1>2 hold');
  // The end of that, and the beginning of the next, were missed.
  scripted.handoff(2, 3, 'drain');
  scripted.handoff(2, 3, 'aborted');
  await new Promise((resolve) => setImmediate(resolve));
  await scripted.reports('1>2 hold');
  scripted.topology(2);
  await scripted.reports('1>2 hold', '2');
});

it('does what the registry says only once it knows the version to which the handoff that it knows has led', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  scripted.handoff(0, 1, 'committed');
  await scripted.reports('1');
  // The hold was missed. The pointer was read before the commit, and the handoff after it.
  scripted.handoff(1, 2, 'committed');
  let isConfirmed = false;
  const confirmed = scripted.confirmed().then(() => {
    isConfirmed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isConfirmed).toBe(false);
  scripted.topology(2);
  await confirmed;
  await scripted.reports('1', '2');
});

it('takes a version from its own watch where what was staged is not known', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  scripted.handoff(1, 2, 'committed');
  scripted.topology(2);
  await scripted.reports('2');
});

it('tells two attempts at the same version apart', async () => {
  const scripted = new ScriptedRegistry();
  scripted.topology(1);
  scripted.handoff(1, 2, 'hold', 1);
  scripted.handoff(1, 2, 'drain', 2);
  scripted.handoff(1, 2, 'hold', 2);
  await scripted.reports('1>2 hold', '1>2 drain', '1>2 hold');
  const attempts = scripted.events.flatMap((event) => (event.kind === 'routing' ? (event.staged?.attempt ?? []) : []));
  expect(attempts).toEqual([1, 2, 2]);
});

it('knows by what is kept on its disk that the registry has forgotten a version', async () => {
  const kept = { topology: topology(7), nodes: [], claimedBy: null };
  const registry = new ScriptedRegistry({ keep: () => {}, read: () => kept });
  registry.topology(3);
  registry.handoff(2, 3, null);
  await vi.waitFor(() => expect(registry.raised).toEqual([7]));
  expect(registry.events).toEqual([]);
  registry.topology(8);
  await vi.waitFor(() => expect(registry.events.at(-1)).toMatchObject({ table: { version: 8 }, from: 'registry' }));
});

it('knows by it, too, that the registry has forgotten a version where another one has its number', async () => {
  const of = (kept: Topology) =>
    new ScriptedRegistry({ keep: () => {}, read: () => ({ topology: kept, nodes: [], claimedBy: null }) });
  const registry = of({ ...topology(6), version: topology(7).version });
  registry.topology(7);
  registry.handoff(6, 7, null);
  await vi.waitFor(() => expect(registry.raised).toEqual([7]));
  expect(registry.events).toEqual([]);
  registry.topology(8);
  await registry.reports('8');
  const same = of(topology(7));
  same.topology(7);
  same.handoff(6, 7, null);
  await same.reports('7');
  expect(same.raised).toEqual([]);
});

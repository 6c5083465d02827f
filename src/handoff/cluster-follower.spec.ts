import { expect, it, vi } from 'vitest';
import type { HandoffEvent, HandoffStep, Registry, StoredHandoff, TopologyEvent } from '../registry/index.ts';
import { EventQueue } from '../runtime/event-queue.ts';
import { pausesBy } from '../runtime/pause.ts';
import { checkTopology, type Topology } from '../topology/index.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { ClusterFollower } from './cluster-follower.ts';

const NAME = { namespace: 'default', cluster: 'docs' };

function topology(version: number): Topology {
  const shards = [{ id: `s${version}`, address: '10.0.0.1:1' }];
  return checkTopology({ ...NAME, version, shards }, 'the test') as Topology;
}

/** A registry whose two watches tell what the test says, when it says so. */
class Told {
  readonly #topologies = new EventQueue<TopologyEvent>();
  readonly #handoffs = new EventQueue<HandoffEvent>();
  readonly events: ClusterEvent[] = [];
  readonly raised: number[] = [];
  #revision = 0;

  constructor() {
    const registry = {
      topologies: {
        watch: () => this.#topologies,
        raise: async (_name: object, above: number) => this.raised.push(above),
      },
      handoffs: { watch: () => this.#handoffs },
      pause: pausesBy(() => 0.5),
    } as unknown as Registry;
    const follower = new ClusterFollower(registry, null, 'docs', NAME, (event) => this.events.push(event));
    void follower.run(new AbortController().signal);
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

  async tells(...routing: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.routing).toEqual(routing));
  }
}

it('reports the topology and what is staged beside it as of one moment', async () => {
  const told = new Told();
  told.topology(1);
  await told.tells();
  told.handoff(1, 2, null);
  await told.tells('1');
  told.handoff(1, 2, 'stage');
  told.handoff(1, 2, 'hold');
  told.handoff(1, 2, 'committed');
  await told.tells('1', '1>2 stage', '1>2 hold', '2');
  told.topology(2);
  told.handoff(2, 3, 'stage');
  told.handoff(2, 3, 'aborted');
  await told.tells('1', '1>2 stage', '1>2 hold', '2', '2>3 stage', '2');
});

it('is ahead by the handoff, and goes back for no version that its own watch tells of late', async () => {
  const told = new Told();
  told.topology(1);
  for (const [from, to] of [
    [1, 2],
    [2, 3],
  ] as const) {
    told.handoff(from, to, 'hold');
    told.handoff(from, to, 'committed');
  }
  await told.tells('1>2 hold', '2', '2>3 hold', '3');
  told.topology(2);
  told.topology(3);
  told.topology(4);
  await told.tells('1>2 hold', '2', '2>3 hold', '3', '4');
});

it('has a version that comes again raised above all that it has known, and goes on with what it knows until then', async () => {
  const told = new Told();
  told.handoff(1, 2, null);
  told.topology(4);
  await told.tells('4');
  told.topology(2);
  await vi.waitFor(() => expect(told.raised[0]).toBe(4));
  await told.tells('4');
  told.topology(5);
  await told.tells('4', '5');
});

it('releases nothing that is held before it knows the version in question', async () => {
  const told = new Told();
  told.topology(1);
  told.handoff(1, 2, 'hold');
  await told.tells('1>2 hold');
  // The end of that, and the beginning of the next, were missed.
  told.handoff(2, 3, 'drain');
  told.handoff(2, 3, 'aborted');
  await new Promise((resolve) => setImmediate(resolve));
  await told.tells('1>2 hold');
  told.topology(2);
  await told.tells('1>2 hold', '2');
});

it('takes a version from its own watch where what was staged is not known', async () => {
  const told = new Told();
  told.topology(1);
  told.handoff(1, 2, 'committed');
  told.topology(2);
  await told.tells('2');
});

it('tells two attempts at the same version apart', async () => {
  const told = new Told();
  told.topology(1);
  told.handoff(1, 2, 'hold', 1);
  told.handoff(1, 2, 'drain', 2);
  told.handoff(1, 2, 'hold', 2);
  await told.tells('1>2 hold', '1>2 drain', '1>2 hold');
  const attempts = told.events.flatMap((event) => (event.kind === 'routing' ? (event.staged?.attempt ?? []) : []));
  expect(attempts).toEqual([1, 2, 2]);
});

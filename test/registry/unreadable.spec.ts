import { afterEach, expect, it, vi } from 'vitest';
import { type ClusterEvent, ClusterFollower, controlCluster, type KeptTopology } from '../../src/handoff/index.ts';
import { Board } from '../../src/housekeeping/index.ts';
import { nodeName, type Registry, type Store, type StoredNode } from '../../src/registry/index.ts';
import { checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
const POINTER = 'topology/default/docs/current';
const VERSION_3 = 'version/default/docs/0000000000000003';
/** No JSON, JSON of another shape, and fields of other types. */
const GARBAGE = [
  'garbage',
  '',
  'null',
  '7',
  '"text"',
  '[]',
  '{}',
  `{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`,
  '{"version":"3","deleted":"no","at":7,"topology":[],"fencing":"yes","tasks":null,"candidate":null,"step":"leap"}',
  '{"versions":null,"acknowledged":7,"listen":{},"admin":"here","healthy":"well","address":null,"role":[]}',
];

function draft(weight: number): TopologyDraft {
  const shards = [
    { id: 's0', address: '10.0.0.1:1', weight },
    { id: 's1', address: '10.0.0.2:1' },
  ];
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards, failover: { afterMs: 10_000 } }, 'the test');
}

/** A registry with an entry of every kind, at version 3, and a handoff under way that nobody acknowledges. */
async function filled(): Promise<{ raw: Store; open: () => Registry }> {
  const under = await sqlite(scope);
  const raw = under.open();
  const open = (): Registry => registryOn(under.open(), scope);
  const { topologies, handoffs, members, documents, elections, namespaces } = open();
  scope.defer(() => raw.close());
  await namespaces.create('team');
  for (const weight of [1, 2, 3]) await topologies.commit(draft(weight));
  const served = { versions: { 'default/docs': 3 }, acknowledged: {}, admin: { host: '', port: 0 }, listen: [] };
  await members.register('router', 'r1', served, 60_000).ready;
  const node = { address: '10.0.0.1:1', role: 'primary', healthy: true };
  await members.register('node', nodeName(NAME, 's0', 'n0'), node, 60_000).ready;
  await handoffs.stage(draft(4), {}, 'a test');
  await elections.campaign('housekeeping/default/docs', 's0', 60_000, AbortSignal.timeout(5000));
  const board = 'housekeeping/default/docs/board/';
  await documents.put(`${board}paused`, { tasks: ['compaction'] }, 0);
  await documents.put(`${board}claim/project p`, { election: 'e', token: 1, node: 'n' }, 0);
  await documents.put('housekeeping/default/docs/state/project p', { tasks: {} }, 0);
  await documents.put('housekeeping/default/docs/task/compaction', { unit: 'project', schedule: 'every 1 s' }, 0);
  return { raw, open };
}

/** Everything that reads the registry for as long as a process lives; and what a router is told. */
class Readers {
  readonly events: ClusterEvent[] = [];
  readonly registry: Registry;
  #failure: unknown = null;

  constructor(registry: Registry, kept: KeptTopology | null = null) {
    this.registry = registry;
    const stopping = new AbortController();
    const { signal } = stopping;
    const keeper = { keep: () => {}, read: () => kept };
    const follower = new ClusterFollower(registry, keeper, 'docs', NAME, (event) => this.events.push(event));
    const log = { onTerm: () => {}, onStep: () => {}, onFailover: () => {}, onWarning: () => {} };
    const reading = Promise.all([
      follower.run(signal),
      controlCluster(registry, NAME, 'r2', clock, log, signal),
      drained(new Board(registry, NAME).watch(signal)),
      drained(registry.elections.watch('', signal)),
      drained(registry.members.watch('router', '', signal)),
      drained(registry.topologies.watchAll(signal)),
    ]).catch((error: unknown) => {
      this.#failure = error;
    });
    scope.defer(async () => {
      stopping.abort();
      await reading;
    });
  }

  /** Waits until a version is what is told of. */
  async reports(version: number | null): Promise<void> {
    await vi.waitFor(() => {
      if (this.#failure !== null) throw this.#failure;
      const routing = this.events.filter((event) => event.kind === 'routing').at(-1);
      expect(routing?.table?.version ?? null).toBe(version);
      expect(routing).toBeDefined();
    }, PATIENCE);
  }
}

async function drained(watch: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of watch);
}

it('survives whatever any entry turns into, keeps what it read last, and says which entry it was', async () => {
  const { raw, open } = await filled();
  const readers = new Readers(open());
  await readers.reports(3);
  const { entries } = await raw.list('');
  expect(entries.length).toBeGreaterThan(14);
  const keys = new Set(entries.flatMap(({ key }) => [key, `${key}x`, key.replace(/[^/]*$/, 'evil')]));
  for (const value of [...GARBAGE, 'garbage'])
    await raw.commit(
      [],
      [...keys].map((key) => ({ key, value })),
    );
  await vi.waitFor(() => {
    const keys = readers.registry.unreadable.all.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining([POINTER, 'handoff/default/docs/state', 'member/router/evil']));
  }, PATIENCE);
  await readers.reports(3);
  // What stands there is mended by force, and read again.
  const mended = await readers.registry.topologies.commit(draft(9), { force: true });
  await readers.reports(mended.version);
  await vi.waitFor(() => {
    expect(readers.registry.unreadable.all.map(({ key }) => key)).not.toContain(POINTER);
  }, PATIENCE);
});

it('waits in a handoff for those that are there, whatever member entries say', async () => {
  const { raw, open } = await filled();
  const readers = new Readers(open());
  await readers.reports(3);
  const { entries } = await raw.list('member/');
  for (const { key } of entries) for (const value of GARBAGE) await raw.commit([], [{ key, value }]);
  await raw.commit([], [{ key: 'member/router/evil', value: 'garbage' }]);
  await vi.waitFor(() => {
    const keys = readers.registry.unreadable.all.map(({ key }) => key);
    expect(keys.sort()).toEqual(['member/router/evil', expect.stringMatching(/^member\/router\/r1/)]);
  }, PATIENCE);
  await readers.reports(3);
  expect((await readers.registry.handoffs.read(NAME)).handoff?.step).toBe('stage');
});

it.each(GARBAGE.slice(0, 7))('begins with the last version where the pointer to it is %s', async (value) => {
  const { raw, open } = await filled();
  await raw.commit([], [{ key: POINTER, value }]);
  await new Readers(open()).reports(3);
});

it('begins from the disk where the current version cannot be read, and with nothing where it is not there', async () => {
  const { raw, open } = await filled();
  await raw.commit([], [{ key: VERSION_3, value: '{"at":"now","topology":{"cluster":"docs"}}' }]);
  const nodes: StoredNode[] = [];
  const kept = { topology: { ...draft(3), version: 3 as never }, nodes, claimedBy: null };
  const fromDisk = new Readers(open(), kept);
  await fromDisk.reports(3);
  expect(fromDisk.events.at(0)).toMatchObject({ kind: 'routing', from: 'disk' });
  await new Readers(open()).reports(null);
});

it('takes up a version of a later release that has more fields, and says what it leaves out', async () => {
  const { raw, open } = await filled();
  const readers = new Readers(open());
  await readers.reports(3);
  const later = { ...documentOf(await raw.get(VERSION_3)), version: 4, zone: 'eu-1' };
  later.shards[0] = { ...later.shards[0], rack: 'r7' };
  await commitRaw(raw, later);
  await readers.reports(4);
  await new Readers(open()).reports(4);
  expect(readers.registry.unreadable.all).toMatchObject([
    { key: 'version/default/docs/0000000000000004', reason: expect.stringContaining('shards.0.rack, zone') },
  ]);
});

it.each([
  { requires: ['zones'] },
  { placement: { spiral: {} } },
  { placement: { fixedRing: { entriesPerWeight: 256, turns: 3 } } },
  { pins: [{ key: 'a', shard: 's0', until: 'noon' }] },
  { consistency: 'causal' },
])('keeps the last version where it does not know what a later release decides by: %j', async (unknown) => {
  const { raw, open } = await filled();
  const readers = new Readers(open());
  await readers.reports(3);
  await commitRaw(raw, { ...documentOf(await raw.get(VERSION_3)), version: 4, ...unknown });
  await vi.waitFor(() => expect(readers.registry.unreadable.all).toHaveLength(1), PATIENCE);
  await readers.reports(3);
  await commitRaw(raw, { ...documentOf(await raw.get(VERSION_3)), version: 5 });
  await readers.reports(5);
  expect(readers.registry.unreadable.all).toEqual([]);
});

interface Document {
  shards: object[];
}

function documentOf(entry: { readonly value: string } | null): Document {
  return (JSON.parse(entry?.value ?? '') as { topology: Document }).topology;
}

/** As a later release would, past the handoff that is under way. */
async function commitRaw(raw: Store, topology: object & { version?: number }): Promise<void> {
  const key = `version/default/docs/${String(topology.version).padStart(16, '0')}`;
  await raw.commit(
    [],
    [
      { key: POINTER, value: JSON.stringify({ version: topology.version, deleted: false, by: 'a later release' }) },
      { key, value: JSON.stringify({ at: 'now', by: 'a later release', topology }) },
      { key: 'handoff/default/docs/state', value: null },
      { key: 'handoff/default/docs/staged', value: null },
    ],
  );
}

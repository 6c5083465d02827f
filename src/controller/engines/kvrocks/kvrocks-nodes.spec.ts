import { afterEach, expect, it } from 'vitest';
import { KvrocksNode } from '../../../../test/support/kvrocks/kvrocks-node.ts';
import { freePorts, Scope } from '../../../../test/support/processes.ts';
import { PATIENCE } from '../../../../test/support/registries.ts';
import { checkTopology, type Node, nodesOf, type Topology } from '../../../topology/index.ts';
import type { Told } from '../../engine.ts';
import { KvrocksNodes } from './kvrocks-nodes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

/** Reference nodes a and c with half of the slots each, the first one with b as its replica, and an engine that speaks with them. */
async function three() {
  const ports = await freePorts(3);
  const servers = await Promise.all(
    ports.map(async (port) => {
      const server = new KvrocksNode({
        host: '127.0.0.1',
        port,
        folder: scope.folder(),
        password: '',
        clock: Date.now,
      });
      await server.listen();
      scope.defer(() => server.close());
      return server;
    }),
  );
  const [a, b, c] = servers as [KvrocksNode, KvrocksNode, KvrocksNode];
  const [atA, atB, atC] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
  /** @param primary of a and b */
  const topology = (version: number, primary = A): Topology => {
    const [first, second] =
      primary === A
        ? [
            { id: A, address: atA },
            { id: B, address: atB },
          ]
        : [
            { id: B, address: atB },
            { id: A, address: atA },
          ];
    const shards = [
      { id: 's0', address: first?.address, nodeId: first?.id, slots: '0-8191', replicas: [second] },
      { id: 's1', address: atC, nodeId: C, slots: '8192-16383' },
    ];
    const draft = checkTopology({ cluster: 'cache', placement: { slots: {} }, shards }, 'the test');
    return { ...draft, version: version as Topology['version'] };
  };
  const nodes = new KvrocksNodes({ login: null, certificates: null, timeoutMs: 5000, random: () => 0 });
  scope.defer(() => nodes.keepOnly(new Set()));
  /** Probes all nodes, and then brings them to be what a topology has them be. */
  const turn = async (
    wanted: Topology,
    moving: Parameters<KvrocksNodes['bring']>[3] = [],
  ): Promise<Map<string, Told>> => {
    const all = nodesOf(wanted);
    const sights = await Promise.all(all.map((node) => nodes.probe(node)));
    const told = await Promise.all(
      all.map((node, i) => {
        const sight = sights[i];
        const state = sight?.kind === 'well' ? sight.state : null;
        return state === null && sight?.kind !== 'blank' ? null : nodes.bring(node, state, wanted, moving);
      }),
    );
    return new Map(all.map(({ id }, i) => [id, told[i] ?? null]));
  };
  /** Until there is nothing to tell. */
  const settle = async (wanted: Topology): Promise<void> => {
    await expect.poll(async () => [...(await turn(wanted)).values()], PATIENCE).toEqual([null, null, null]);
  };
  const node = (wanted: Topology, id: string): Node => nodesOf(wanted).find((each) => each.id === id) as Node;
  return { a, b, c, topology, nodes, turn, settle, node };
}

const isFault = (told: Told | undefined): boolean => typeof told === 'object' && told !== null;

it('tells nodes of no cluster what they are, the primary of a shard before its replica', async () => {
  const { a, b, c, topology, nodes, turn, settle, node } = await three();
  const first = topology(5);
  expect(await nodes.probe(node(first, A))).toMatchObject({ kind: 'blank' });
  const told = await turn(first);
  expect([typeof told.get(A), told.get(B), typeof told.get(C)]).toEqual(['string', null, 'string']);
  await settle(first);
  expect([a, b, c].map(({ state }) => [state.myId, state.version])).toEqual([
    [A, 5],
    [B, 5],
    [C, 5],
  ]);
  expect([a.isMaster, b.isMaster, c.isMaster]).toEqual([true, false, true]);
});

it('tells a node whose version is behind, and does not follow one whose version is ahead', async () => {
  const { b, topology, nodes, turn, settle, node } = await three();
  await settle(topology(5));
  await settle(topology(6));
  expect(b.state.version).toBe(6);
  b.state.setNodes(b.state.text(), 9, false);
  const told = await turn(topology(7));
  expect(told.get(B)).toEqual({ fault: expect.stringContaining('has version 9 of the topology, and the registry 7') });
  expect(isFault(told.get(A))).toBe(false);
  expect(b.state.version).toBe(9);
  expect(await nodes.probe(node(topology(7), B))).toMatchObject({ kind: 'well', state: { follows: A, epoch: 9 } });
  await settle(topology(10));
  expect(b.state.version).toBe(10);
});

it('finds a node that was told something else by the same version', async () => {
  const { a, b, topology, turn, settle } = await three();
  await settle(topology(5));
  for (const server of [a, b]) server.state.setNodes(server.state.text().replace(`slave ${A}`, 'master -'), 5, true);
  const told = await turn(topology(5));
  expect(told.get(B)).toEqual({ fault: expect.stringContaining('another version 5 of the topology') });
});

it('has a replica take over once it has all that its primary has, and then the primary follow', async () => {
  const { a, b, topology, turn, settle } = await three();
  await settle(topology(5));
  const key = 'a-key-of-s0';
  a.data.write({ kind: 'set', key, value: { text: '1', expiresAtMs: null } });
  await expect.poll(() => b.data.get(key)?.text, PATIENCE).toBe('1');
  // Changes that the replica has not received are in the primary alone.
  const { listeners } = a.data;
  const feeding = [...listeners];
  listeners.clear();
  a.data.write({ kind: 'set', key, value: { text: '2', expiresAtMs: null } });
  const after = topology(6, B);
  const told = await turn(after);
  expect([told.get(A), told.get(B)]).toEqual([null, expect.stringContaining('has yet to receive 1 changes')]);
  expect([a.isMaster, b.isMaster]).toEqual([true, false]);
  for (const feed of feeding) {
    listeners.add(feed);
    feed();
  }
  await settle(after);
  expect([a.isMaster, b.isMaster, b.data.get(key)?.text]).toEqual([false, true, '2']);
});

it('makes a server that has lost its memory no primary while its replica may have the data, and gives it that as a replica', async () => {
  const { a, b, topology, turn, settle } = await three();
  await settle(topology(5));
  a.data.write({ kind: 'set', key: 'k', value: { text: '1', expiresAtMs: null } });
  await expect.poll(() => b.data.get('k')?.text, PATIENCE).toBe('1');
  a.data.replace({ sequence: 0, origin: '', values: [] });
  a.reset();
  const told = await turn(topology(6));
  expect(told.get(A)).toEqual({ fault: expect.stringContaining('may have more of the data') });
  expect(a.state.version).toBe(-1);
  await settle(topology(7, B));
  expect([a.isMaster, b.isMaster]).toEqual([false, true]);
  await expect.poll(() => a.data.get('k')?.text, PATIENCE).toBe('1');
});

it('tells of a slot that has moved, though the registry does not have that yet', async () => {
  const { a, c, topology, turn, settle, nodes, node } = await three();
  const before = topology(5);
  await settle(before);
  a.data.write({ kind: 'set', key: '{06S}', value: { text: '1', expiresAtMs: null } });
  const mover = nodes.mover({ usualMs: 500, longestMs: 1000 });
  scope.defer(() => mover.close());
  const [from, to] = [node(before, A), node(before, C)];
  const run = await mover.runOf(from);
  const move = () => mover.moveKeys([0], from, to, 10, run);
  expect(await move()).toBeNull();
  await expect.poll(move, PATIENCE).toBe(0);
  expect(a.state.migrated.has(0)).toBe(true);
  await turn(topology(6));
  expect([a.state.version, a.state.owners[0]?.id, c.state.owners[0]?.id]).toEqual([6, C, C]);
  // Another controller has it from the registry.
  const other = new KvrocksNodes({ login: null, certificates: null, timeoutMs: 5000, random: () => 0 });
  scope.defer(() => other.keepOnly(new Set()));
  const wanted = topology(7);
  const sight = await other.probe(from);
  const state = sight.kind === 'well' ? sight.state : null;
  await other.bring(from, state, wanted, [{ slot: 0, from: 's0', to: 's1', isSettling: true }]);
  expect([a.state.version, a.state.owners[0]?.id]).toEqual([7, C]);
});

it('tells nothing to nodes between which a slot moves, and says why one could not move', async () => {
  const { a, c, topology, turn, settle, nodes, node } = await three();
  const before = topology(5);
  await settle(before);
  a.migrator.speed = 16;
  for (let i = 0; i < 500; i++)
    a.data.write({ kind: 'set', key: `{06S}:${i}`, value: { text: '1', expiresAtMs: null } });
  const mover = nodes.mover({ usualMs: 500, longestMs: 1000 });
  scope.defer(() => mover.close());
  const [from, to] = [node(before, A), node(before, C)];
  const move = () => mover.moveKeys([0], from, to, 10, 'of another server');
  expect(await mover.countKeys([0, 1], from)).toEqual([500, 0]);
  expect(await move()).toBeNull();
  await expect.poll(() => c.importer.coming, PATIENCE).toEqual([0, 0]);
  const told = await turn(topology(6));
  expect([told.get(A), told.get(C), a.state.version]).toEqual([null, null, 5]);
  a.migrator.stop();
  await expect.poll(() => move().catch(({ message }: Error) => message), PATIENCE).toContain('could not move slot 0');
  await settle(topology(6));
});

it('finds the cluster that nodes have been told of, with the newest version that one has', async () => {
  const { b, topology, settle, nodes, node } = await three();
  await settle(topology(5));
  b.state.setNodes(b.state.text(), 8, false);
  const found = await nodes.find([node(topology(5), A).address]);
  expect(found.version).toBe(8);
  expect(found.shards.map(({ nodeId, slots }) => [nodeId, slots])).toEqual([
    [A, '0-8191'],
    [C, '8192-16383'],
  ]);
});

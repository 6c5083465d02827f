import { afterEach, expect, it } from 'vitest';
import { KvrocksNode } from '../../../../test/support/kvrocks/kvrocks-node.ts';
import { freePorts, Scope } from '../../../../test/support/processes.ts';
import { PATIENCE } from '../../../../test/support/registries.ts';
import { RespClient } from '../../../resp/index.ts';
import { checkTopology, type Node, nodesOf, type Topology } from '../../../topology/index.ts';
import type { Told } from '../../engine.ts';
import { KvrocksNodes } from './kvrocks-nodes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

const ACCESS = { login: null, certificates: null, timeoutMs: 5000, random: () => 0, clock: () => performance.now() };

/** Reference nodes a and c with half of the slots each, the first one with b as its replica, and an engine that speaks with them. */
async function three(patienceMs = 0) {
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
  const engine = (): KvrocksNodes => {
    const made = new KvrocksNodes({ ...ACCESS, patienceMs });
    scope.defer(() => made.keepOnly(new Set()));
    return made;
  };
  const nodes = engine();
  /** Probes all nodes, and then brings them to be what a topology has them be. */
  const turn = async (
    wanted: Topology,
    moving: Parameters<KvrocksNodes['bring']>[3] = [],
    by = nodes,
  ): Promise<Map<string, Told>> => {
    const all = nodesOf(wanted);
    const sights = await Promise.all(all.map((node) => by.probe(node)));
    const told = await Promise.all(
      all.map((node, i) => {
        const sight = sights[i];
        const state = sight?.kind === 'well' ? sight.state : null;
        return state === null && sight?.kind !== 'blank' ? null : by.bring(node, state, wanted, moving);
      }),
    );
    return new Map(all.map(({ id }, i) => [id, told[i] ?? null]));
  };
  /** Until there is nothing to tell. */
  const settle = async (wanted: Topology): Promise<void> => {
    await expect.poll(async () => [...(await turn(wanted)).values()], PATIENCE).toEqual([null, null, null]);
  };
  const node = (wanted: Topology, id: string): Node => nodesOf(wanted).find((each) => each.id === id) as Node;
  /** What moves slot 0 from the first shard to the second one. */
  const moveBy = (by: KvrocksNodes, wanted: Topology, from: string, run: string) => {
    const mover = by.mover({ usualMs: 500, longestMs: 1000 });
    scope.defer(() => mover.close());
    const move = () => mover.moveKeys([0], node(wanted, from), node(wanted, C), 10, run);
    // Until it has moved, or cannot.
    return { move, again: () => move().catch(({ message }: Error) => message) };
  };
  const client = async (id: string): Promise<RespClient> => {
    const [host = '', port] = node(topology(5), id).address.split(':');
    const target = { host, port: Number(port) };
    const made = await RespClient.connect({ target, certificates: null }, null, 5000);
    scope.defer(() => made.close());
    return made;
  };
  return { a, b, c, topology, nodes, engine, turn, settle, node, moveBy, client };
}

/** A key of slot 0. */
const KEY = '{06S}';
const fill = (server: KvrocksNode, count: number, text = '1'): void => {
  for (let i = 0; i < count; i++)
    server.data.write({ kind: 'set', key: `${KEY}:${i}`, value: { text, expiresAtMs: null } });
};

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
  const { a, c, topology, turn, settle, nodes, engine, node } = await three();
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
  const other = engine();
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

it('has no slot brought by a server that has taken over while what the one before brings is not over', async () => {
  const { a, b, c, topology, nodes, turn, settle, moveBy, client } = await three();
  await settle(topology(5));
  fill(a, 300);
  await expect.poll(() => b.data.keysOf([0, 0]).length, PATIENCE).toBe(300);
  // The primary hangs while it moves the slot.
  const hanging = await client(C);
  await hanging.ask(['CLUSTER', 'IMPORT', '0', '0']);
  await hanging.ask(['SET', `${KEY}:ghost`, 'old']);
  a.close();
  const after = topology(6, B);
  await expect.poll(async () => (await turn(after)) && b.isMaster, PATIENCE).toBe(true);
  await turn(after);
  const { again } = moveBy(nodes, after, B, 'of another server');
  expect(await again()).toContain('waits for slots from another server');
  await hanging.ask(['CLUSTER', 'IMPORT', '0', '2']);
  await expect.poll(again, PATIENCE).toBe(0);
  expect([c.data.keysOf([0, 0]).length, c.data.get(`${KEY}:ghost`)]).toEqual([300, null]);
});

it('moves a slot again that a server has moved after another one had taken over from it', async () => {
  const { a, b, c, topology, nodes, turn, settle, moveBy, client } = await three();
  await settle(topology(5));
  fill(a, 20, 'old');
  await expect.poll(() => b.data.keysOf([0, 0]).length, PATIENCE).toBe(20);
  const hanging = await client(C);
  await hanging.ask(['CLUSTER', 'IMPORT', '0', '0']);
  await hanging.ask(['SET', `${KEY}:1`, 'old']);
  const after = topology(6, B);
  a.close();
  await expect.poll(async () => (await turn(after)) && b.isMaster, PATIENCE).toBe(true);
  await turn(after);
  b.data.write({ kind: 'set', key: `${KEY}:1`, value: { text: 'new', expiresAtMs: null } });
  await hanging.ask(['CLUSTER', 'IMPORT', '0', '1']);
  const { again } = moveBy(nodes, after, B, `${A} 1 5`);
  await expect.poll(again, PATIENCE).toBe(0);
  expect(c.data.get(`${KEY}:1`)?.text).toBe('new');
});

it('keeps what clients have written at the target of a slot whose source, and the controller, died once it had arrived', async () => {
  const { a, b, c, topology, engine, turn, settle, moveBy, client } = await three();
  await settle(topology(5));
  fill(a, 20, 'old');
  await expect.poll(() => b.data.keysOf([0, 0]).length, PATIENCE).toBe(20);
  await (await client(A)).ask(['CLUSTERX', 'MIGRATE', '0', C]);
  await expect.poll(() => a.state.migrated.has(0), PATIENCE).toBe(true);
  expect(await (await client(C)).ask(['SET', `${KEY}:1`, 'new'])).toMatchObject({ text: 'OK' });
  a.close();
  const other = engine();
  const after = topology(6, B);
  const moving = [{ slot: 0, from: 's0', to: 's1', isSettling: false }];
  await expect
    .poll(async () => (await turn(after, moving, other)) && [b.state.version, c.state.version], PATIENCE)
    .toEqual([6, 6]);
  const { again } = moveBy(other, after, B, `${A} 1 5`);
  await expect.poll(again, PATIENCE).toBe(0);
  expect([c.data.get(`${KEY}:1`)?.text, b.state.owners[0]?.id]).toEqual(['new', C]);
});

it('leaves a slot alone that its source has moved to another node than it was to', async () => {
  const { a, b, topology, nodes, settle, node } = await three();
  const wanted = topology(5);
  await settle(wanted);
  fill(a, 20);
  const mover = nodes.mover({ usualMs: 500, longestMs: 1000 });
  scope.defer(() => mover.close());
  const [from, to, other] = [node(wanted, A), node(wanted, C), node(wanted, B)];
  await expect.poll(() => mover.moveKeys([0], from, to, 10, `${A} 1 5`), PATIENCE).toBe(0);
  const again = topology(6);
  await expect(
    mover.moveKeys([0], node(again, A), { ...other, shard: 's2', follows: null }, 10, `${A} 1 5`),
  ).rejects.toMatchObject({
    isFinal: true,
    message: expect.stringContaining(`has moved slot 0 to the node ${C}`),
  });
  expect([a, b].map(({ data }) => data.keysOf([0, 0]).length)).toEqual([20, 20]);
});

it('tells nodes of each topology though nobody has asked for the end of a slot’s move', async () => {
  const { a, b, c, topology, nodes, turn, settle, moveBy } = await three();
  await settle(topology(5));
  fill(a, 20);
  expect(await moveBy(nodes, topology(5), A, `${A} 1 5`).move()).toBeNull();
  const moving = [{ slot: 0, from: 's0', to: 's1', isSettling: false }];
  const second = topology(6, B);
  const { again } = moveBy(nodes, second, B, `${A} 1 5`);
  await expect.poll(async () => (await turn(second, moving)) && again(), PATIENCE).toBe(0);
  const versions = async () => (await turn(topology(7), moving)) && [a, b, c].map(({ state }) => state.version);
  await expect.poll(versions, PATIENCE).toEqual([7, 7, 7]);
  expect([a.isMaster, b.isMaster]).toEqual([true, false]);
});

it('does not have a replica take over while it is not known what it lacks, as where one probe is missed', async () => {
  const { a, b, topology, turn, settle } = await three(600_000);
  await settle(topology(5));
  a.close();
  const told = await turn(topology(6, B));
  expect([told.get(B), b.isMaster]).toEqual([expect.stringContaining('not known yet what it lacks'), false]);
});

it('makes a server the primary of a shard without slots, whatever its replica was used for before', async () => {
  const { a, b, topology, settle } = await three();
  fill(b, 3);
  b.data.write({ kind: 'clear', range: [0, 0] });
  const empty = topology(5);
  await settle({
    ...empty,
    shards: empty.shards.map((shard) => (shard.id === 's0' ? { ...shard, slots: [] } : shard)),
  });
  expect([a.isMaster, b.isMaster]).toEqual([true, false]);
});

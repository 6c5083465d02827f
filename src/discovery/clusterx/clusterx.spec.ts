import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PATIENCE } from '../../../test/support/registries.ts';
import { changeTopology } from '../../handoff/index.ts';
import { DEFAULT_NAMESPACE, Registry, SqliteStore } from '../../registry/index.ts';
import { type Reply, RespClient, textOf } from '../../resp/index.ts';
import { checkTopology, formatSlotRanges, type Topology } from '../../topology/index.ts';
import { ClusterX } from './clusterx.ts';
import { ClusterXServer } from './clusterx-server.ts';

const NAME = { namespace: DEFAULT_NAMESPACE, cluster: 'cache' };
const PASSWORD = 'controller';
const [A, B, R] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];
const LINES = `${A} 10.0.0.1 6666 master - 0-8191\n${B} 10.0.0.2 6666 master - 8192-16383\n${R} 10.0.0.3 6666 slave ${A}`;

const clock = () => performance.now();
let folder = '';
let registry: Registry;
let server: ClusterXServer;
let port = 0;
let client: RespClient;

const dialled = (password: string): Promise<RespClient> =>
  RespClient.connect(
    { target: { host: '127.0.0.1', port }, certificates: null },
    { username: 'default', password },
    5000,
  );

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
  const store = new SqliteStore(join(folder, 'registry.sqlite'), clock);
  registry = new Registry(store, { clock, timeOfDay: () => '', random: Math.random });
  server = new ClusterXServer(new ClusterX(registry, NAME, { candidate: 'test', clock }), PASSWORD);
  port = await server.listen({ host: '127.0.0.1', port: 0 });
  client = await dialled(PASSWORD);
});
afterEach(async () => {
  client.close();
  server.close();
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(...words: string[]): Promise<string | null> {
  const reply = await client.ask(words);
  return `${reply.type === 'error' ? '-' : ''}${textOf(reply)}`;
}

/** The shards in the registry. */
async function shards(): Promise<string[]> {
  const topology = await registry.topologies.read(NAME);
  return (topology?.shards ?? []).map(
    ({ id, address, slots = [], replicas = [] }) =>
      `${id[0]} ${address} ${formatSlotRanges(slots)} +${replicas.map((each) => each.address).join()}`,
  );
}

it('writes nodes, roles and slots into the registry at their version, once', async () => {
  expect(await ask('CLUSTERX', 'VERSION')).toBe('-1');
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  expect(await shards()).toEqual(['a 10.0.0.1:6666 0-8191 +10.0.0.3:6666', 'b 10.0.0.2:6666 8192-16383 +']);
  expect(await registry.topologies.read(NAME)).toMatchObject({ version: 5, consistency: 'eventual' });
  const reversed = LINES.split('\n').reverse().join('\n');
  expect(await ask('clusterx', 'setnodes', reversed, '5')).toBe('OK');
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '4')).toBe('-ERR Invalid cluster version');
  expect(await ask('CLUSTERX', 'VERSION')).toBe('5');
});

it('refuses the current version with other nodes, which would be lost in silence', async () => {
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  const moved = LINES.replace('10.0.0.2', '10.0.0.9');
  expect(await ask('CLUSTERX', 'SETNODES', moved, '5')).toBe('-ERR Invalid cluster version: version 5 has other nodes');
  expect(await shards()).toContain('b 10.0.0.2:6666 8192-16383 +');
});

const failedOver = LINES.replace(`${A} 10.0.0.1 6666 master - 0-8191`, `${A} 10.0.0.1 6666 slave ${R}`);
const lastOfItsShard = LINES.split('\n').slice(1).join('\n');

it.each([
  ['is its replica now', failedOver.replace(`6666 slave ${A}`, '6666 master - 0-8191'), '+10.0.0.1:6666'],
  ['has gone', lastOfItsShard.replace(`6666 slave ${A}`, '6666 master - 0-8191'), '+'],
])('keeps a shard, and what is pinned to it, where a replica takes over from a primary that %s', async (_, lines, replicas) => {
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  const topology = (await registry.topologies.read(NAME)) as Topology;
  const pinned = { ...topology, version: null, pins: [{ prefix: 'p/', shard: A }] };
  await registry.topologies.commit(pinned);
  expect(await ask('CLUSTERX', 'SETNODES', lines, '9')).toBe('OK');
  expect(await shards()).toEqual(
    expect.arrayContaining([`a 10.0.0.3:6666 0-8191 ${replicas}`, 'b 10.0.0.2:6666 8192-16383 +']),
  );
  expect(await registry.topologies.read(NAME)).toMatchObject({ version: 9, pins: pinned.pins });
  // The next command knows the node that leads by now.
  expect(await ask('CLUSTERX', 'SETSLOT', '16383', 'NODE', R, '10')).toBe('OK');
});

it('hands over what is forced as well, where the cluster is strict', async () => {
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  const topology = (await registry.topologies.read(NAME)) as Topology;
  await changeTopology(
    registry,
    { ...topology, version: null, consistency: 'strict' },
    { expected: topology.version, reason: 'the test', candidate: 'test', clock },
  );
  const forced = LINES.replace('10.0.0.2', '10.0.0.9');
  expect(await ask('CLUSTERX', 'SETNODES', forced, '4', 'force')).toBe('OK');
  expect((await registry.handoffs.read(NAME)).handoff).toMatchObject({ from: 6, to: 7, step: 'committed' });
});

it.each(['force', 'FORCE', '1'])('takes an older version by %s, as the next one', async (force) => {
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '4', '0')).toBe('-ERR Invalid cluster version');
  expect(await ask('CLUSTERX', 'SETNODES', LINES.replace('10.0.0.2', '10.0.0.9'), '4', force)).toBe('OK');
  expect(await ask('CLUSTERX', 'VERSION')).toBe('6');
  expect(await shards()).toContain('b 10.0.0.9:6666 8192-16383 +');
});

it('moves slots by SETSLOT, at the next version alone, to a master', async () => {
  expect(await ask('CLUSTERX', 'SETSLOT', '0', 'NODE', B, '1')).toBe('-ERR Invalid cluster version');
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  for (const version of ['5', '7', '0', '-1', 'x'])
    expect(await ask('CLUSTERX', 'SETSLOT', '0', 'NODE', B, version)).toBe('-ERR Invalid cluster version');
  expect(await ask('CLUSTERX', 'SETSLOT', '0', 'NODE', R, '6')).toBe("-ERR The node isn't a master");
  expect(await ask('CLUSTERX', 'SETSLOT', '0', 'NODE', 'd'.repeat(40), '6')).toBe('-ERR No this node in the cluster');
  expect(await ask('CLUSTERX', 'SETSLOT', '0', 'TO', B, '6')).toBe('-ERR Invalid setslot options');
  expect(await ask('CLUSTERX', 'SETSLOT', '16384', 'NODE', B, '6')).toBe('-ERR Slot is out of range');
  expect(await ask('CLUSTERX', 'SETSLOT', '0-99 8191', 'node', B, '6')).toBe('OK');
  expect(await ask('CLUSTERX', 'SETSLOT', '16383', 'NODE', A, '7')).toBe('OK');
  expect(await shards()).toEqual([
    'a 10.0.0.1:6666 100-8190 16383 +10.0.0.3:6666',
    'b 10.0.0.2:6666 0-99 8191-16382 +',
  ]);
});

it.each([
  ['Invalid cluster nodes info', ''],
  ['Invalid cluster nodes info', `${A} 10.0.0.1 6666 master`],
  ['Invalid cluster node id', `${A}x 10.0.0.1 6666 master - 0-16383`],
  ['Invalid cluster node role', `${A} 10.0.0.1 6666 leader - 0-16383`],
  ['Invalid cluster node port', `${A} 10.0.0.1 0 master - 0-16383`],
  ['Invalid cluster nodes info', `${LINES} 5`],
  ['Slot is out of range', `${A} 10.0.0.1 6666 master - 0-16384`],
  ['Slot distribution is overlapped', `${A} 10.0.0.1 6666 master - 0-16383\n${B} 10.0.0.2 6666 master - 5`],
  ['Invalid cluster nodes info: ', `${A} 10.0.0.1 6666 master - 0-16382`],
  ['Invalid cluster nodes info: ', `${A} 10.0.0.1 6666 master - 0-16383\n${A} 10.0.0.2 6666 master -`],
])('says "%s" of lines that it does not take, and changes nothing', async (fault, lines) => {
  const reply = await ask('CLUSTERX', 'SETNODES', lines, '1');
  expect(reply?.startsWith(`-ERR ${fault}`)).toBe(true);
  expect(await registry.topologies.read(NAME)).toBeNull();
});

it('is called what a controller calls it, and shows what it has been told', async () => {
  expect(await ask('CLUSTERX', 'MYID')).toBe('');
  expect(await ask('CLUSTERX', 'SETNODEID', 'short')).toBe('-ERR Invalid cluster node id');
  expect(await ask('CLUSTERX', 'SETNODEID', B)).toBe('OK');
  expect(await ask('CLUSTERX', 'MYID')).toBe(B);
  expect(await ask('CLUSTER', 'NODES')).toBe('-ERR The cluster is not initialized');
  expect(await ask('CLUSTERX', 'SETNODES', LINES, '5')).toBe('OK');
  expect(await ask('CLUSTER', 'NODES')).toBe(
    [
      `${A} 10.0.0.1:6666@16666 master - 0 0 5 connected 0-8191`,
      `${R} 10.0.0.3:6666@16666 slave ${A} 0 0 5 connected`,
      `${B} 10.0.0.2:6666@16666 myself,master - 0 0 5 connected 8192-16383`,
      '',
    ].join('\n'),
  );
});

it('leaves a cluster that is not placed by slots as it is', async () => {
  const document = { ...NAME, placement: { ringHash: {} }, shards: [{ id: 's0', address: 'h:1' }] };
  await registry.topologies.commit(checkTopology(document, 'the test'));
  for (const words of [
    ['SETNODES', LINES, '5'],
    ['SETSLOT', '0', 'NODE', A, '2'],
  ])
    expect(await ask('CLUSTERX', ...words)).toBe('-ERR Cluster mode is not enabled');
  expect((await registry.topologies.read(NAME))?.placement.name).toBe('ringHash');
});

it('serves nobody who has not given the password, and takes only so much before', async () => {
  await expect(dialled('wrong')).rejects.toThrow('WRONGPASS');
  const socket = connect(port, '127.0.0.1');
  socket.write(`*4\r\n$8\r\nCLUSTERX\r\n$8\r\nSETNODES\r\n$1\r\nx\r\n$1\r\n1\r\n*1\r\n$4\r\nPING\r\n`);
  socket.write(`*1\r\n$${2 ** 21}\r\n`);
  const heard = (await Array.fromAsync(socket)).join('');
  expect(heard.match(/-NOAUTH/g)).toHaveLength(2);
  expect(heard).toContain('-ERR Protocol error');
});

it('has room for a controller, however many connect and say nothing', async () => {
  const silent = Array.from({ length: 80 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  try {
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await vi.waitFor(() => expect(silent.filter(({ closed }) => closed).length).toBeGreaterThan(0), PATIENCE);
    const another = await dialled(PASSWORD);
    expect(textOf(await another.ask(['CLUSTERX', 'VERSION']))).toBe('-1');
    another.close();
    expect(await ask('CLUSTERX', 'VERSION')).toBe('-1');
  } finally {
    for (const socket of silent) socket.destroy();
  }
});

it('ends the connection that has been silent for longest where too many have given the password', async () => {
  const clients = [];
  for (let i = 0; i < 64; i++) {
    clients.push(await dialled(PASSWORD));
    expect(await ask('PING')).toBe('PONG');
  }
  await expect(clients[0]?.ask(['PING'])).rejects.toThrow('the server closed the connection');
  expect(textOf((await clients[1]?.ask(['PING'])) as Reply)).toBe('PONG');
  for (const each of clients) each.close();
});

it('carries out what is pipelined in its order', async () => {
  const replies = await Promise.all([
    ask('CLUSTERX', 'SETNODES', LINES, '1'),
    ask('CLUSTERX', 'SETSLOT', '0', 'NODE', B, '2'),
    ask('CLUSTERX', 'SETSLOT', '1', 'NODE', B, '3'),
    ask('CLUSTERX', 'VERSION'),
    ask('CLUSTERX', 'MIGRATE', '1', B),
    ask('GET', 'x'),
  ]);
  expect(replies).toEqual([
    ...['OK', 'OK', 'OK', '3', '-ERR CLUSTERX command, CLUSTERX VERSION|MYID|SETNODEID|SETNODES|SETSLOT'],
    "-ERR unknown command 'GET': CLUSTERX alone is served here",
  ]);
});

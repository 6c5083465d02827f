import { afterEach, expect, it } from 'vitest';
import { eventually } from '../cluster.ts';
import { Scope } from '../processes.ts';
import { type KvrocksProcess, lineOf, restartKvrocks, said, startKvrocks, tellNodes } from './kvrocks-cluster.ts';
import { slotOfKey } from './slots.ts';

const scope = new Scope();
afterEach(() => scope.release());

type Three = [KvrocksProcess, KvrocksProcess, KvrocksProcess];

/** Two masters with half of the slots each, the first one with a replica. */
async function smallCluster(): Promise<Three> {
  const nodes = (await startKvrocks(scope, 3)) as Three;
  const [a, b, c] = nodes;
  await tellNodes(nodes, 1, [lineOf(a, '0-8191'), lineOf(b, '8192-16383'), lineOf(c, a)]);
  return nodes;
}

async function field(node: KvrocksProcess, name: string, ...of: string[]): Promise<string | undefined> {
  return new RegExp(`^${name.replaceAll(/[()]/g, '\\$&')}:(.*?)\\s*$`, 'm').exec(await said(node, ...of))?.[1];
}

const migrating = (node: KvrocksProcess) =>
  field(node, 'migrating_state', 'CLUSTER', 'INFO').then((state) => state?.trim());

it('is in no cluster before it is told of one', async () => {
  const [node] = (await startKvrocks(scope, 1)) as [KvrocksProcess];
  expect(await said(node, 'CLUSTERX', 'VERSION')).toBe('-1');
  expect(await said(node, 'CLUSTERX', 'MYID')).toBe('');
  for (const word of ['INFO', 'NODES', 'SLOTS'])
    expect(await said(node, 'CLUSTER', word)).toBe('-CLUSTERDOWN The cluster is not initialized');
  expect(await said(node, 'GET', 'a')).toBe('-CLUSTERDOWN Hash slot not served');
});

it('takes a topology of a newer version, and no older one', async () => {
  const [a, b, c] = await smallCluster();
  const other = [lineOf(a, '0-16383'), lineOf(b, ''), lineOf(c, b)].join('\n');
  const setNodes = (...words: string[]) => said(a, 'CLUSTERX', 'SETNODES', ...words);
  expect(await setNodes(other, '0')).toBe('-ERR Invalid cluster version');
  // The same version is no other one, whatever it says.
  expect(await setNodes(other, '1')).toBe('OK');
  expect(await field(a, 'cluster_size', 'CLUSTER', 'INFO')).toBe('2');
  expect(await setNodes(other, '3')).toBe('OK');
  expect(await field(a, 'cluster_size', 'CLUSTER', 'INFO')).toBe('1');
  expect(await said(a, 'CLUSTERX', 'VERSION')).toBe('3');
  expect(await setNodes(other, '2', 'force')).toBe('OK');
  expect(await field(a, 'cluster_my_epoch', 'CLUSTER', 'INFO')).toBe('2');
  expect(await setNodes(other, '2', '1')).toBe('-ERR Invalid setnodes options');
  expect(await setNodes(other, 'x')).toBe('-ERR Invalid version');
});

it('says what is wrong with a topology, in the words of Kvrocks', async () => {
  const [a, b] = (await startKvrocks(scope, 2)) as [KvrocksProcess, KvrocksProcess];
  const told = (...lines: string[]) => said(a, 'CLUSTERX', 'SETNODES', lines.join('\n'), '1');
  expect(await told('')).toBe('-ERR Invalid cluster nodes info');
  expect(await told('abc 127.0.0.1 1 master -')).toBe('-ERR Invalid cluster node id');
  expect(await told(`${a.id} 127.0.0.1 x master -`)).toBe('-ERR Invalid cluster node port');
  expect(await told(`${a.id} 127.0.0.1 1 chief -`)).toBe('-ERR Invalid cluster node role');
  expect(await told(`${a.id} 127.0.0.1 1 slave -`)).toBe('-ERR Invalid cluster node id');
  expect(await told(`${lineOf(b, a)} 5`)).toBe('-ERR Invalid cluster nodes info');
  expect(await told(lineOf(a, '0-16384'))).toBe('-ERR Slot is out of range');
  expect(await told(lineOf(a, '0-5'), lineOf(b, '5-9'))).toBe('-ERR Slot distribution is overlapped');
  expect(await said(a, 'CLUSTERX', 'SETNODEID', 'short')).toContain('-ERR CLUSTERX command, CLUSTERX VERSION|MYID');
});

it('changes one slot by SETSLOT, from the version before alone', async () => {
  const [a, b, c] = await smallCluster();
  const setSlot = (...words: string[]) => said(a, 'CLUSTERX', 'SETSLOT', ...words);
  expect(await setSlot('5', 'NODE', b.id, '3')).toBe('-ERR Invalid cluster version');
  expect(await setSlot('5', 'NODE', c.id, '2')).toBe("-ERR The node isn't a master");
  expect(await setSlot('5', 'NODE', 'e'.repeat(40), '2')).toBe('-ERR No this node in the cluster');
  expect(await setSlot('5 7-9', 'NODE', b.id, '2')).toBe('OK');
  expect(await said(a, 'CLUSTER', 'NODES')).toContain(' connected 5 7-9 8192-16383\n');
});

it('answers for its own slots, and sends elsewhere for others', async () => {
  const [a, b, c] = await smallCluster();
  const key = 'own';
  const [owner, other] = slotOfKey(key) < 8192 ? [a, b] : [b, a];
  expect(await said(owner, 'SET', key, '1')).toBe('OK');
  expect(await said(owner, 'INCR', key)).toBe('2');
  expect(await said(other, 'GET', key)).toBe(`-MOVED ${slotOfKey(key)} ${owner.address}`);
  expect(await said(a, 'DEL', 'one', 'two')).toBe(
    "-CROSSSLOT Attempted to access keys that don't hash to the same slot",
  );
  expect(await said(c, 'FLUSHALL')).toBe("-READONLY You can't write against a read only slave.");
  expect(await said(a, 'PEXPIRE', 'none', '5')).toMatch(/^(0|-MOVED .*)$/);
  expect(await said(a, 'NOTHING', 'x')).toBe('-ERR unknown command `NOTHING`, with args beginning with: `x`');
});

/** A key of a slot below the half. */
const KEY = Array.from({ length: 100 }, (_, i) => `{k${i}}`).find((key) => slotOfKey(key) < 8192) as string;
const SLOT = slotOfKey(KEY);

it('has its replica follow, which takes over by a topology and goes on from there', async () => {
  const [a, b, c] = await smallCluster();
  for (let i = 0; i < 20; i++) await said(a, 'INCR', KEY);
  const offset = await field(a, 'master_repl_offset', 'INFO', 'replication');
  await eventually(async () => (await field(c, 'slave_repl_offset', 'INFO', 'replication')) === offset);
  expect(await field(c, 'master_link_status', 'INFO', 'replication')).toBe('up');
  expect(await said(c, 'GET', KEY)).toBe(`-MOVED ${SLOT} ${a.address}`);
  await a.process.end('SIGKILL');
  await tellNodes([b, c], 2, [lineOf(c, '0-8191'), lineOf(b, '8192-16383'), lineOf(a, c)]);
  expect(await said(c, 'INCR', KEY)).toBe('21');
  // It comes back with what it knew, and follows once it is told to.
  const back = await restartKvrocks(scope, a);
  expect(await said(back, 'GET', KEY)).toBe('20');
  await said(
    back,
    'CLUSTERX',
    'SETNODES',
    [lineOf(c, '0-8191'), lineOf(b, '8192-16383'), lineOf(a, c)].join('\n'),
    '2',
  );
  await eventually(
    async () => (await field(back, 'slave_repl_offset', 'INFO', 'replication')) === String(Number(offset) + 1),
  );
});

it('moves a slot with its keys, and sends to its new owner before any topology says so', async () => {
  const [a, b, c] = await smallCluster();
  const migrate = (node: KvrocksProcess, ...words: string[]) => said(node, 'CLUSTERX', 'MIGRATE', ...words);
  for (let i = 0; i < 50; i++) await said(a, 'SET', `${KEY}:${i}`, String(i));
  expect(await migrate(a, String(SLOT), 'e'.repeat(40))).toBe("-ERR Can't find the destination node id");
  expect(await migrate(a, '9000', b.id)).toBe("-ERR Can't migrate slot which doesn't belong to me");
  expect(await migrate(a, String(SLOT), c.id)).toBe("-ERR Can't migrate slot to a slave");
  expect(await migrate(a, String(SLOT), a.id)).toBe("-ERR Can't migrate slot to myself");
  expect(await migrate(a, String(SLOT), b.id)).toBe('OK');
  expect(await migrate(a, '1', b.id)).toBe('-ERR There is already a migrating job');
  await eventually(async () => (await migrating(a)) === 'success');
  expect(await field(a, 'migrating_slot(s)', 'CLUSTER', 'INFO')).toBe(` ${SLOT}`);
  expect(await field(b, 'import_state', 'CLUSTER', 'INFO')).toBe(' success');
  expect(await said(a, 'GET', `${KEY}:7`)).toBe(`-MOVED ${SLOT} ${b.address}`);
  expect(await said(b, 'GET', `${KEY}:7`)).toBe('7');
  expect(await migrate(a, String(SLOT), b.id)).toBe("-ERR Can't migrate slot which has been migrated");
  const rest = [SLOT - 1, SLOT + 1];
  const lines = [lineOf(a, `0-${rest[0]} ${rest[1]}-8191`), lineOf(b, `${SLOT} 8192-16383`), lineOf(c, a)];
  await tellNodes([a, b], 2, lines);
  expect(await said(a, 'DBSIZE')).toBe('0');
  expect(await said(b, 'DBSIZE')).toBe('50');
});

it('takes a slot back, and refuses writes to it, where a topology does not know that it has moved', async () => {
  const [a, b, c] = await smallCluster();
  await said(a, 'SET', KEY, 'old');
  await said(a, 'CLUSTERX', 'MIGRATE', String(SLOT), b.id);
  await eventually(async () => (await migrating(a)) === 'success');
  expect(await said(b, 'SET', KEY, 'new')).toBe('OK');
  await tellNodes([a, b], 2, [lineOf(a, '0-8191'), lineOf(b, '8192-16383'), lineOf(c, a)]);
  expect(await said(a, 'GET', KEY)).toBe('old');
  expect(await said(a, 'SET', KEY, 'x')).toContain('-TRYAGAIN Can');
  expect(await said(b, 'GET', KEY)).toBe(`-MOVED ${SLOT} ${a.address}`);
});

it('goes on serving a slot that could not be moved', async () => {
  const [a, b] = await smallCluster();
  await said(a, 'CONFIG', 'SET', 'migrate-speed', '64');
  for (let i = 0; i < 100; i++) await said(a, 'SET', `${KEY}:${i}`, String(i));
  await said(a, 'CLUSTERX', 'MIGRATE', String(SLOT), b.id);
  await eventually(async () => (await field(b, 'import_state', 'CLUSTER', 'INFO')) === ' start');
  expect(await migrating(a)).toBe('start');
  await b.process.end('SIGKILL');
  await eventually(async () => (await migrating(a)) === 'fail');
  expect(await said(a, 'SET', `${KEY}:7`, 'x')).toBe('OK');
  expect(await said(a, 'GET', `${KEY}:7`)).toBe('x');
});

it('lets nobody in without the password', async () => {
  const [node] = (await startKvrocks(scope, 1, 'secret')) as [KvrocksProcess];
  expect(await said(node, 'CLUSTERX', 'VERSION')).toBe('-1');
  expect(await said({ ...node, password: '' }, 'CLUSTERX', 'VERSION')).toBe('-NOAUTH Authentication required.');
  await expect(said({ ...node, password: 'wrong' }, 'CLUSTERX', 'VERSION')).rejects.toThrow('refuses the login');
});

it('leaves a cluster once it is empty', async () => {
  const [a] = await smallCluster();
  await said(a, 'SET', KEY, '1');
  expect(await said(a, 'CLUSTER', 'RESET')).toBe("-ERR Can't reset cluster while database is not empty");
  await said(a, 'DEL', KEY);
  expect(await said(a, 'CLUSTER', 'RESET')).toBe('OK');
  expect(await said(a, 'CLUSTERX', 'VERSION')).toBe('-1');
});

import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Shard, Topology } from '../../src/topology/index.ts';
import { eventually } from '../support/cluster.ts';
import { type KvrocksProcess, lineOf, restartKvrocks, said, tellNodes } from '../support/kvrocks/kvrocks-cluster.ts';
import { type Running, Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { FIRST_VERSION, LedKvrocks } from './led-kvrocks.ts';
import { startBefore } from './led-servers.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A cluster that a controller leads, and clients that count through a router. */
async function underLoad() {
  const led = await LedKvrocks.start(scope);
  const controller = led.control();
  await controller.printed(/a topology is committed/);
  const topology = await led.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  const router = await startBefore(scope, led, led.upstream);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(10);
  return { led, controller, topology, router, clients };
}

/** Nothing of what clients hear is about where keys are. */
function expectNoRedirect({ errors }: CountingClients): void {
  expect(errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);
}

/** Every node has heard of the registry's topology. */
async function allTold(led: LedKvrocks): Promise<void> {
  await expect
    .poll(async () => new Set(await led.versions()), PATIENCE)
    .toEqual(new Set([(await led.topology()).version]));
}

function keyway(led: LedKvrocks, ...words: string[]): Running {
  return scope.keyway(['redis', ...words, '--registry', led.registryAddress]);
}

const ownerOf = ({ shards }: Topology, slot: number): Shard | undefined =>
  shards.find(({ slots = [] }) => slots.some(([first, last]) => first <= slot && slot <= last));

it('has a replica take over from a primary that is killed, under load; what comes back follows it; another controller goes on', async () => {
  const { led, controller, topology: before, router, clients } = await underLoad();
  // What the nodes had was of an older version than the registry's first one.
  expect(before.version).toBeGreaterThan(FIRST_VERSION);
  await allTold(led);

  const [shard] = before.shards as [Shard];
  const killed = led.at(shard.address);
  const killedAt = performance.now();
  await killed.process.end('SIGKILL');
  const after = await led.replaces(shard);
  const decidedMs = performance.now() - killedAt;
  await clients.goesOn(10);
  const servedMs = performance.now() - killedAt;
  expect(after.shards.find(({ id }) => id === shard.id)).toMatchObject({
    nodeId: shard.replicas?.[0]?.id,
    replicas: [{ id: shard.nodeId, address: shard.address }],
  });

  await restartKvrocks(scope, killed);
  await eventually(async () => (await said(killed, 'INFO', 'replication')).includes('role:slave'));
  await allTold(led);
  expect((await led.topology()).version).toBe(after.version);

  const second = led.control();
  await controller.end('SIGKILL');
  await second.printed(/this controller leads the cluster"/);
  const next = after.shards.find(({ id }) => id !== shard.id) as Shard;
  await led.at(next.address).process.end('SIGKILL');
  await led.replaces(next);
  await clients.goesOn(10);
  await clients.stop();
  expectNoRedirect(clients);
  const lost = await lostOf(clients, router.port);
  console.info({ acknowledged: clients.acknowledged, errors: clients.errors.length, lost, decidedMs, servedMs });
});

it('makes a cluster of empty nodes by the topology that people apply, and leaves alone a node that something else leads', async () => {
  const led = await LedKvrocks.empty(scope, 3);
  const controller = led.control();
  await controller.printed(/is not initialized/);
  const [a, b, c] = led.nodes as [KvrocksProcess, KvrocksProcess, KvrocksProcess];
  const topology = {
    cluster: 'docs',
    placement: { slots: {} },
    shards: [
      { id: 's0', address: a.address, nodeId: a.id, slots: '0-8191', replicas: [{ id: b.id, address: b.address }] },
      { id: 's1', address: c.address, nodeId: c.id, slots: '8192-16383' },
    ],
  };
  const apply = (document: object) =>
    scope.keyway([
      'topology',
      'apply',
      scope.file('docs.yaml', stringify(document)),
      '--registry',
      led.registryAddress,
    ]);
  expect(await apply(topology).exit()).toBe(0);
  await allTold(led);
  await eventually(async () => /role:slave[\s\S]*master_link_status:up/.test(await said(b, 'INFO', 'replication')));
  const router = await startBefore(scope, led, led.upstream);
  const clients = new CountingClients(scope, router.port, 2, 4);
  await clients.goesOn(5);
  await clients.stop();
  expect([clients.errors, await lostOf(clients, router.port)]).toEqual([[], 0]);

  await tellNodes([c], 40, [lineOf(c, '0-16383')]);
  await controller.printed(/has version 40 of the topology, and the registry \d: something else has told it so/);
  expect(await said(c, 'CLUSTERX', 'VERSION')).toBe('40');
  expect(ownerOf(await led.topology(), 0)?.id).toBe('s0');
  expect(await apply({ ...topology, version: 41 }).exit()).toBe(0);
  await allTold(led);
  expect(await said(c, 'CLUSTERX', 'VERSION')).toBe('41');
});

it('lets nothing through to a primary that hangs, and has it follow once it goes on', async () => {
  const { led, topology, router, clients } = await underLoad();
  const [shard] = topology.shards as [Shard];
  const stopped = led.at(shard.address);
  stopped.process.child.kill('SIGSTOP');
  await led.replaces(shard);
  await clients.goesOn(10);
  stopped.process.child.kill('SIGCONT');
  await eventually(async () => (await said(stopped, 'INFO', 'replication')).includes('role:slave'));
  await clients.goesOn(10);
  await clients.stop();
  expectNoRedirect(clients);
  const lost = await lostOf(clients, router.port);
  console.info({ acknowledged: clients.acknowledged, errors: clients.errors.length, lost });
});

it('has a replica take over on command: nothing that was acknowledged is lost, and clients see nothing of it', async () => {
  const { led, topology, router, clients } = await underLoad();
  const [shard] = topology.shards as [Shard];
  const wanted = shard.replicas?.[0];
  await keyway(led, 'failover', 'docs', shard.id, '--to', wanted?.address ?? '').printed(/is the primary of/);
  const primary = async () => (await led.topology()).shards.find(({ id }) => id === shard.id);
  expect(await primary()).toMatchObject({ nodeId: wanted?.id, replicas: [{ id: shard.nodeId }] });
  const old = led.at(shard.address);
  await eventually(async () => /role:slave[\s\S]*master_link_status:up/.test(await said(old, 'INFO', 'replication')));
  await keyway(led, 'failover', 'docs', shard.id).printed(/is the primary of/);
  expect((await primary())?.nodeId).toBe(shard.nodeId);
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors).toEqual([]);
  expect(await lostOf(clients, router.port)).toBe(0);
  console.info({ acknowledged: clients.acknowledged });
});

it('moves slots under load, and another controller goes on where one is killed; then grows the cluster by a shard', async () => {
  const { led, controller, topology, router, clients } = await underLoad();
  const source = ownerOf(topology, 0) as Shard;
  const target = ownerOf(topology, 16383) as Shard;
  await keyway(led, 'migrate', 'docs', '--slots', '0-39', '--to', target.id, '--execute').printed(/queued/);
  await led.becomes((now) => ownerOf(now, 0)?.id === target.id);
  led.control();
  await controller.end('SIGKILL');
  const moved = await led.becomes((now) => ownerOf(now, 39)?.id === target.id);
  expect(ownerOf(moved, 40)?.id).toBe(source.id);
  await clients.goesOn(10);
  await allTold(led);

  const added = await led.add(scope, 2);
  const addresses = added.map(({ address }) => address).join(',');
  await keyway(led, 'scale', 'docs', '--shards', '4', '--nodes', addresses, '--execute').printed(/queued/);
  const isNew = ({ address }: Shard): boolean => address === added[0]?.address;
  await led.becomes(({ shards }) => shards.some((shard) => isNew(shard) && (shard.slots?.length ?? 0) > 0));
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors).toEqual([]);
  expect(await lostOf(clients, router.port)).toBe(0);
  console.info({ acknowledged: clients.acknowledged, version: (await led.topology()).version });
});

import { afterEach, expect, it } from 'vitest';
import { type Migration, StoredQueue } from '../../src/controller/index.ts';
import type { Shard } from '../../src/topology/index.ts';
import { askKvrocks, said } from '../support/kvrocks/kvrocks-cluster.ts';
import { slotOfKey } from '../support/kvrocks/slots.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedKvrocks } from './led-kvrocks.ts';
import { NAME, startBefore } from './led-servers.ts';
import { askNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** So many keys a slot has, and a second moves: long enough to be killed in between. */
const KEYS = 400;
const SPEED = '160';

const has = ({ slots = [] }: Shard, slot: number): boolean =>
  slots.some(([first, last]) => first <= slot && slot <= last);

/** Clients count, and a slot that they count in is on its way, with many more keys. */
async function moving() {
  const led = await LedKvrocks.start(scope);
  await led.control().printed(/a topology is committed/);
  const topology = await led.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  const router = await startBefore(scope, led, led.upstream);
  const clients = new CountingClients(scope, router.port, 4, 8);
  await clients.goesOn(5);
  const key = clients.counters[0]?.key ?? '';
  const slot = slotOfKey(key);
  const source = topology.shards.find((shard) => has(shard, slot)) as Shard;
  const target = topology.shards.find((shard) => shard !== source) as Shard;
  const others = Array.from({ length: KEYS }, (_, i) => `{${key}}:${i}`);
  for (let i = 0; i < KEYS; i += 50)
    await Promise.all(others.slice(i, i + 50).map((each) => askNode(router.port, 'SET', each, each)));
  for (const node of led.nodes) await askKvrocks(node, 'CONFIG', 'SET', 'migrate-speed', SPEED);
  const words = ['redis', 'migrate', 'docs', '--slots', String(slot), '--to', target.id, '--execute'];
  await scope.keyway([...words, '--registry', led.registryAddress]).printed(/queued/);
  const info = () => said(led.at(target.address), 'CLUSTER', 'INFO');
  await expect.poll(info, PATIENCE).toContain(`importing_slot(s): ${slot}\r\nimport_state: start`);
  const migration = async () => (await new StoredQueue(led.registry, NAME).read()).migrations[0] as Migration;
  return { led, router, clients, slot, source, target, others, migration };
}

it.each([
  'source',
  'target',
] as const)('moves a slot whose %s is killed in between, and loses none of its keys', async (killed) => {
  const { led, router, clients, slot, others, migration, ...shards } = await moving();
  expect((await migration()).open).not.toBeNull();
  await led.at(shards[killed].address).process.end('SIGKILL');
  await led.replaces(shards[killed]);
  await led.becomes((now) => now.shards.some((shard) => shard.id === shards.target.id && has(shard, slot)));
  await clients.goesOn(5);
  await clients.stop();
  expect(clients.errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);
  let gone = 0;
  for (const key of others) if ((await askNode(router.port, 'GET', key)).type !== 'bulk') gone++;
  const lost = await lostOf(clients, router.port);
  console.info({ killed, acknowledged: clients.acknowledged, errors: clients.errors.length, lost, gone });
  expect(gone).toBe(0);
});

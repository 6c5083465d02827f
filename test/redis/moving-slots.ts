import { expect } from 'vitest';
import { type Migration, StoredQueue } from '../../src/controller/index.ts';
import { slotOf } from '../../src/placement/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { formatSlotRanges, type SlotRange } from '../../src/topology/index.ts';
import type { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, NAME, startBefore } from './led-redis.ts';
import { askNode, nodesOf as linesOf } from './redis-cluster.ts';

const KEYS_A_SLOT = 150;
/** So many keys move at once. */
export const MOST_AT_ONCE = 100;

function slotOfText(key: string): number {
  return slotOf(Buffer.from(key), 0, key.length);
}

/** A cluster in which clients count, and slots of one shard that are worth moving: those of their counters, each with many more keys. */
export async function underLoad(scope: Scope, program = 'redis-server', controllers = 1) {
  const redis = await LedRedis.start(scope, program);
  const first = redis.control();
  await first.printed(/a topology is committed/);
  for (let i = 1; i < controllers; i++) redis.control();
  const topology = await redis.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  const router = await startBefore(scope, redis);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(5);
  const [source, target] = topology.shards as [(typeof topology.shards)[0], (typeof topology.shards)[0]];
  const keys = clients.counters
    .map(({ key }) => key)
    .filter((key) => source.slots?.some(([first, last]) => first <= slotOfText(key) && slotOfText(key) <= last));
  expect(keys.length).toBeGreaterThan(4);
  const others = keys.flatMap((key) => Array.from({ length: KEYS_A_SLOT }, (_, i) => `{${key}}:${i}`));
  for (let i = 0; i < others.length; i += 50)
    await Promise.all(others.slice(i, i + 50).map((key) => askNode(router.port, 'SET', key, key)));
  const slots = keys.map((key): SlotRange => [slotOfText(key), slotOfText(key)]);
  return { redis, first, router, clients, source, target, keys, others, slots };
}

export type Load = Awaited<ReturnType<typeof underLoad>>;

/** The keys take about ten seconds: long enough for something to be killed in between, also on a busy machine. */
const KEYS_A_SECOND = 200;

/** Has the slots move, by the command. */
export async function migrate(
  scope: Scope,
  { redis, slots, target }: Load,
  more: readonly string[] = [],
  keysPerSecond = KEYS_A_SECOND,
): Promise<void> {
  const words = [
    'redis',
    'migrate',
    'docs',
    '--slots',
    formatSlotRanges(slots).replaceAll(' ', ','),
    '--to',
    target.id,
  ];
  const pace = ['--keys-per-second', String(keysPerSecond)];
  const command = scope.keyway([...words, '--registry', redis.registryAddress, ...pace, ...more]);
  await command.printed(more.includes('--execute') ? /queued/ : /nothing was done/);
}

export async function migrationOf({ redis }: Load): Promise<Migration> {
  const [migration] = (await new StoredQueue(redis.registry, NAME).read()).migrations;
  return migration as Migration;
}

export async function until(load: Load, holds: (migration: Migration) => boolean): Promise<Migration> {
  const look = async (): Promise<true | string> => {
    const migration = await migrationOf(load);
    return holds(migration) || JSON.stringify(migration);
  };
  await expect.poll(look, PATIENCE).toBe(true);
  return migrationOf(load);
}

/**
 * Sees that every slot is where it has to be, by the registry and by all nodes, and that nothing is between.
 * @returns how many keys are gone
 */
export async function expectMoved({ redis, slots, target, router, others }: Load): Promise<number> {
  const { shards } = await redis.topology();
  const now = shards.find(({ id }) => id === target.id);
  for (const [slot] of slots) {
    expect(now?.slots?.some(([first, last]) => first <= slot && slot <= last)).toBe(true);
    await expect.poll(() => redis.primariesOf(slot), PATIENCE).toEqual([Number(now?.address.split(':')[1])]);
  }
  for (const { address } of shards) {
    const own = (await linesOf(redis.at(address).port)).find(([, , flags]) => flags?.includes('myself'));
    expect(own?.filter((word) => word.startsWith('['))).toEqual([]);
  }
  let gone = 0;
  for (const key of others) if (textOf(await askNode(router.port, 'GET', key)) !== key) gone++;
  return gone;
}

/**
 * Slots move with their keys under load, and another controller goes on where one is killed in between: clients see nothing of it.
 * @param program of the servers
 */
export async function moveUnderLoad(scope: Scope, program: string): Promise<void> {
  const load = await underLoad(scope, program, 2);
  const { redis, first, clients, router } = load;
  await migrate(scope, load);
  expect(await migrationOf(load)).toBeUndefined();
  await migrate(scope, load, ['--execute']);
  const { movedKeys } = await until(load, (each) => each.movedKeys > load.others.length / 4);
  expect(movedKeys).toBeLessThan(load.others.length);
  await first.end('SIGKILL');
  await clients.goesOn(10);
  await until(load, (each) => each.state === 'done');
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors).toEqual([]);
  expect(await lostOf(clients, router.port)).toBe(0);
  expect(await expectMoved(load)).toBe(0);
  console.info({
    acknowledged: clients.acknowledged,
    keys: load.others.length,
    version: (await redis.topology()).version,
  });
}

import { afterEach, expect, it } from 'vitest';
import { type Migration, StoredQueue } from '../../src/controller/index.ts';
import { slotOf } from '../../src/placement/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { formatSlotRanges, type SlotRange } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, NAME, startBefore } from './led-redis.ts';
import { askNode, nodesOf as linesOf, restartNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const KEYS_A_SLOT = 150;
/** So many keys move at once. */
const MOST_AT_ONCE = 100;

function slotOfText(key: string): number {
  return slotOf(Buffer.from(key), 0, key.length);
}

/** A cluster in which clients count, and slots of one shard that are worth moving: those of their counters, each with many more keys. */
async function underLoad(controllers = 1) {
  const redis = await LedRedis.start(scope);
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

type Load = Awaited<ReturnType<typeof underLoad>>;

/** Has the slots move, by the command, about as slowly as it takes to be killed in between. */
async function migrate({ redis, slots, target }: Load, more: readonly string[] = []): Promise<void> {
  const words = [
    'redis',
    'migrate',
    'docs',
    '--slots',
    formatSlotRanges(slots).replaceAll(' ', ','),
    '--to',
    target.id,
  ];
  const command = scope.keyway([...words, '--registry', redis.registryAddress, '--keys-per-second', '600', ...more]);
  await command.printed(more.includes('--execute') ? /queued/ : /nothing was done/);
}

async function migrationOf({ redis }: Load): Promise<Migration> {
  const [migration] = (await new StoredQueue(redis.registry, NAME).read()).migrations;
  return migration as Migration;
}

async function until(load: Load, holds: (migration: Migration) => boolean): Promise<Migration> {
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
async function expectMoved({ redis, slots, target, router, others }: Load): Promise<number> {
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

it('moves slots with their keys under load; another controller goes on where one is killed; clients see nothing of it', async () => {
  const load = await underLoad(2);
  const { redis, first, clients, router } = load;
  await migrate(load);
  expect(await migrationOf(load)).toBeUndefined();
  await migrate(load, ['--execute']);
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
}, 120_000);

it.each([
  'source',
  'target',
] as const)('moves slots on where the %s is killed, once a replica has taken over', async (which) => {
  const load = await underLoad();
  const { redis, clients, router } = load;
  await migrate(load, ['--execute']);
  await until(load, (each) => each.movedKeys > load.others.length / 4);
  const killed = redis.at(load[which].address);
  await killed.process.end('SIGKILL');
  await clients.goesOn(5);
  await restartNode(scope, killed);
  await until(load, (each) => each.state === 'done');
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);
  const lost = await lostOf(clients, router.port);
  // What a target has been given and has not passed on dies with it: less than what moves at once.
  const gone = await expectMoved(load);
  expect(gone).toBeLessThanOrEqual(which === 'source' ? 0 : MOST_AT_ONCE);
  console.info({ which, acknowledged: clients.acknowledged, errors: clients.errors.length, lost, gone });
}, 120_000);

it('stops and continues as people want, and completes the slot that is on its way where it is cancelled', async () => {
  const load = await underLoad();
  const { redis, clients } = load;
  const say = async (verb: string): Promise<void> => {
    const command = ['redis', 'migrations', 'docs', verb, '--registry', redis.registryAddress];
    await scope.keyway(command).printed(/ID/);
  };
  await migrate(load, ['--execute']);
  await until(load, (each) => each.movedKeys > 0);
  await say('pause');
  const paused = await until(load, (each) => each.state === 'paused');
  // A batch that was under way is completed, and the slot with it where that was its last one.
  await expect
    .poll(async () => {
      const before = await migrationOf(load);
      await clients.goesOn(20);
      return [before, await migrationOf(load)]
        .map((each) => JSON.stringify(each))
        .every((text, _, [one]) => text === one);
    }, PATIENCE)
    .toBe(true);
  expect((await migrationOf(load)).left.length).toBeGreaterThanOrEqual(paused.left.length - 1);
  await say('resume');
  await until(load, (each) => each.movedKeys > paused.movedKeys);
  await say('cancel');
  const over = await until(
    load,
    (each) => each.state === 'cancelled' && each.open === null && each.settled.length === 0,
  );
  expect(over.left.length).toBeGreaterThan(0);
  await clients.goesOn(5);
  await clients.stop();
  expect(clients.errors).toEqual([]);
}, 120_000);

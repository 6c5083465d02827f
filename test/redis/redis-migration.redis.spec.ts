import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { lostOf } from './counting-clients.ts';
import { expectMoved, MOST_AT_ONCE, migrate, migrationOf, moveUnderLoad, underLoad, until } from './moving-slots.ts';
import { restartNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

it(
  'moves slots with their keys under load; another controller goes on where one is killed; clients see nothing of it',
  () => moveUnderLoad(scope, 'redis-server'),
  120_000,
);

it.each([
  'source',
  'target',
] as const)('moves slots on where the %s is killed, once a replica has taken over', async (which) => {
  const load = await underLoad(scope);
  const { redis, clients, router } = load;
  await migrate(scope, load, ['--execute']);
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

/** All keys would take longer than a test may: however long commands take to start, they come before the end. */
const SLOW_KEYS_A_SECOND = 15;

it('stops and continues as people want, and completes the slot that is on its way where it is cancelled', async () => {
  const load = await underLoad(scope);
  const { redis, clients } = load;
  const say = async (verb: string): Promise<void> => {
    const command = ['redis', 'migrations', 'docs', verb, '--registry', redis.registryAddress];
    await scope.keyway(command).printed(/ID/);
  };
  await migrate(scope, load, ['--execute'], SLOW_KEYS_A_SECOND);
  await until(load, (each) => each.movedKeys > 0);
  await say('pause');
  const paused = await until(load, (each) => each.state === 'paused');
  // The slot that was on its way is completed.
  const still = await until(load, (each) => each.open === null && each.settled.length === 0);
  expect(still.left.length).toBeGreaterThanOrEqual(paused.left.length - 1);
  await clients.goesOn(20);
  expect(await migrationOf(load)).toEqual(still);
  await say('resume');
  await until(load, (each) => each.movedKeys > still.movedKeys);
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

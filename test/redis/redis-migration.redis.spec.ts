import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
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

it('stops and continues as people want, and completes the slot that is on its way where it is cancelled', async () => {
  const load = await underLoad(scope);
  const { redis, clients } = load;
  const say = async (verb: string): Promise<void> => {
    const command = ['redis', 'migrations', 'docs', verb, '--registry', redis.registryAddress];
    await scope.keyway(command).printed(/ID/);
  };
  await migrate(scope, load, ['--execute']);
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

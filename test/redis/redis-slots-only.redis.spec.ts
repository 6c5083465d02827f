import { afterEach, expect, it } from 'vitest';
import { StoredQueue } from '../../src/controller/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { LedRedis, NAME } from './led-redis.ts';
import { askNode, nodesOf as linesOf, startEmptyNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** As CLUSTER KEYSLOT has it. */
const [KEY, SLOT] = ['{t}:1', 15_891];

it('moves slots without keys, and tells no node anything of one that has some', async () => {
  const redis = await LedRedis.start(scope);
  await redis.control().printed(/a topology is committed/);
  const { shards } = await redis.becomes((topology) => topology.shards.every(({ replicas }) => replicas?.length === 1));
  const say = async (words: readonly string[]): Promise<void> => {
    const command = ['redis', ...words, '--slots-only', '--execute', '--registry', redis.registryAddress];
    await scope.keyway(command).printed(/queued/);
  };
  const migrations = async () => (await new StoredQueue(redis.registry, NAME).read()).migrations;
  const owner = shards.find(({ slots }) => slots?.some(([first, last]) => first <= SLOT && SLOT <= last));
  const other = shards.find((shard) => shard !== owner);
  const port = redis.at(owner?.address ?? '').port;
  await askNode(port, 'SET', KEY, 'value');
  await say(['migrate', 'docs', '--slots', `${SLOT - 100}-${SLOT + 100}`, '--to', other?.id ?? '']);
  await expect.poll(async () => (await migrations()).map(({ state }) => state), PATIENCE).toEqual(['failed']);
  const [failed] = await migrations();
  expect(failed).toMatchObject({ left: [[SLOT, SLOT + 100]], open: null, movedKeys: 0 });
  expect(failed?.reason).toContain(`slot ${SLOT} has 1 keys`);
  await redis.becomes((topology) =>
    topology.shards.some(({ id, slots }) => id === other?.id && slots?.some(([, last]) => last === SLOT - 1)),
  );
  expect(await redis.primariesOf(SLOT - 1)).toEqual([redis.at(other?.address ?? '').port]);
  expect(await redis.primariesOf(SLOT)).toEqual([port]);
  expect(textOf(await askNode(port, 'GET', KEY))).toBe('value');
  for (const { port: each } of redis.nodes)
    expect((await linesOf(each)).flat().filter((word) => word.startsWith('['))).toEqual([]);

  // Without it, they all go to a new shard, those of the migration that has failed included.
  await askNode(port, 'DEL', KEY);
  const added = await startEmptyNode(scope);
  redis.nodes.push(added);
  await say(['scale', 'docs', '--shards', '4', '--nodes', `127.0.0.1:${added.port}`]);
  await expect
    .poll(async () => (await migrations()).slice(1).every(({ state }) => state === 'done'), {
      ...PATIENCE,
      timeout: 60_000,
    })
    .toBe(true);
  const grown = await redis.topology();
  const count = (ranges: ReadonlyArray<readonly [number, number]> = []): number =>
    ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  expect(grown.shards.map(({ slots }) => count(slots))).toEqual([4096, 4096, 4096, 4096]);
}, 120_000);

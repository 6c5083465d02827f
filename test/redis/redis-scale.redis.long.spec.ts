import { afterEach, expect, it } from 'vitest';
import { EMPTY_QUEUE, StoredQueue } from '../../src/controller/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { formatSlotRanges } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, NAME, startBefore } from './led-redis.ts';
import { askNode, startEmptyNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function say(redis: LedRedis, words: readonly string[], printed: RegExp): Promise<string> {
  const command = scope.keyway(['redis', ...words, '--registry', redis.registryAddress]);
  await command.printed(printed);
  return command.output;
}

const LONG = { ...PATIENCE, timeout: 150_000 };

it('grows by a shard and shrinks again by one command each, under load: clients see nothing of it', async () => {
  const redis = await LedRedis.start(scope);
  await redis.control().printed(/a topology is committed/);
  await redis.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  const router = await startBefore(scope, redis);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(5);
  const added = [await startEmptyNode(scope), await startEmptyNode(scope)];
  redis.nodes.push(...added);
  const nodes = added.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const grow = ['scale', 'docs', '--shards', '4', '--nodes', nodes];
  expect(await say(redis, grow, /nothing was done/)).toContain('shard s3 joins at');
  expect(await new StoredQueue(redis.registry, NAME).read()).toEqual(EMPTY_QUEUE);
  await say(redis, [...grow, '--execute'], /queued/);
  const began = performance.now();
  const isOver = async (): Promise<boolean> => {
    const { migrations, steps } = await new StoredQueue(redis.registry, NAME).read();
    return steps.length === 0 && migrations.every(({ state }) => state === 'done');
  };
  await expect.poll(isOver, LONG).toBe(true);
  const grownMs = performance.now() - began;
  const grown = await redis.topology();
  expect(grown.shards.map(({ slots = [] }) => slots.reduce((sum, [first, last]) => sum + last - first + 1, 0))).toEqual(
    [4096, 4096, 4096, 4096],
  );
  const [joined] = grown.shards.slice(-1);
  expect(joined?.replicas).toHaveLength(1);
  const [first = 0] = joined?.slots?.[0] ?? [];
  expect(await redis.primariesOf(first)).toEqual([added[0]?.port]);
  const replica = async (): Promise<string | null> => textOf(await askNode(added[1]?.port ?? 0, 'INFO', 'replication'));
  await expect.poll(replica, PATIENCE).toMatch(/role:slave[\s\S]*master_link_status:up/);
  await clients.goesOn(10);

  await say(redis, ['scale', 'docs', '--shards', '3', '--execute'], /queued/);
  const beganToShrink = performance.now();
  await expect.poll(isOver, LONG).toBe(true);
  const shrunkMs = performance.now() - beganToShrink;
  const shrunk = await redis.topology();
  expect(shrunk.shards).toHaveLength(3);
  // Those that have left are in no cluster any more.
  const left = grown.shards.find(({ id }) => !shrunk.shards.some((shard) => shard.id === id));
  const known = textOf(await askNode(redis.at(left?.address ?? '').port, 'CLUSTER', 'INFO'));
  expect(known).toContain('cluster_known_nodes:1');
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors).toEqual([]);
  expect(await lostOf(clients, router.port)).toBe(0);
  console.info({
    acknowledged: clients.acknowledged,
    grownMs: Math.round(grownMs),
    shrunkMs: Math.round(shrunkMs),
    versions: shrunk.version - grown.version,
    slots: shrunk.shards.map(({ slots = [] }) => formatSlotRanges(slots)),
  });
}, 400_000);

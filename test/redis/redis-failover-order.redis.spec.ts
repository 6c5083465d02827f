import { afterEach, expect, it } from 'vitest';
import { textOf } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, startBefore } from './led-redis.ts';
import { askNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function failOver(redis: LedRedis, ...words: string[]): Promise<void> {
  const command = scope.keyway(['redis', 'failover', 'docs', ...words, '--registry', redis.registryAddress]);
  await command.printed(/is the primary of/);
}

it('has a replica take over on command: nothing that was acknowledged is lost, and clients see nothing of it', async () => {
  const redis = await LedRedis.start(scope);
  await redis.control().printed(/a topology is committed/);
  const before = await redis.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  const router = await startBefore(scope, redis);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(10);
  const [shard] = before.shards;
  const wanted = shard?.replicas?.[0];
  await failOver(redis, shard?.id ?? '', '--to', wanted?.address ?? '');
  const after = await redis.topology();
  expect(after.shards[0]).toMatchObject({ nodeId: wanted?.id, replicas: [{ id: shard?.nodeId }] });
  // A replica takes over only once it has a whole copy.
  const replication = () => askNode(redis.at(shard?.address ?? '').port, 'INFO', 'replication').then(textOf);
  await expect.poll(replication, PATIENCE).toMatch(/role:slave[\s\S]*master_link_status:up/);
  await failOver(redis, shard?.id ?? '');
  expect((await redis.topology()).shards[0]?.nodeId).toBe(shard?.nodeId);
  await clients.goesOn(10);
  await clients.stop();
  expect(clients.errors).toEqual([]);
  expect(await lostOf(clients, router.port)).toBe(0);
  console.info({ acknowledged: clients.acknowledged });
}, 120_000);

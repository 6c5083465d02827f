import { expect } from 'vitest';
import { nodesOf, type Shard } from '../../src/topology/index.ts';
import { eventually } from '../support/cluster.ts';
import type { Scope } from '../support/processes.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, startBefore } from './led-redis.ts';
import { nodesOf as linesOf, restartNode } from './redis-cluster.ts';

/**
 * Primaries are killed under load, and their replicas take over; what comes back follows; another controller goes on where one is killed.
 * @param program of the servers
 */
export async function replaceKilled(scope: Scope, program: string): Promise<void> {
  const redis = await LedRedis.start(scope, program);
  const first = redis.control();
  await first.printed(/a topology is committed/);
  const before = await redis.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  expect(before.shards.flatMap(({ slots = [] }) => slots.flat()).sort((a, b) => a - b)).toEqual([
    0, 5460, 5461, 10922, 10923, 16383,
  ]);
  const router = await startBefore(scope, redis);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(10);

  const [shard] = before.shards;
  const killed = redis.at(shard?.address as string);
  const killedAt = performance.now();
  await killed.process.end('SIGKILL');
  const after = await redis.replaces(shard as Shard);
  const decidedMs = performance.now() - killedAt;
  await clients.goesOn(10);
  const servedMs = performance.now() - killedAt;
  expect(after.shards.find(({ id }) => id === shard?.id)).toMatchObject({
    nodeId: shard?.replicas?.[0]?.id,
    address: shard?.replicas?.[0]?.address,
    replicas: [{ id: shard?.nodeId, address: shard?.address }],
  });

  // The old primary comes back with what it knew, and becomes a replica: at no time do clients that go by the registry reach it.
  await restartNode(scope, killed);
  await eventually(async () => {
    const own = (await linesOf(killed.port).catch(() => [])).find(([, , flags]) => flags?.includes('myself'));
    return own?.[2]?.includes('slave') === true;
  });
  expect((await redis.topology()).version).toBe(after.version);

  // The controller dies with its term; another leads once its lease is over, and the next primary is replaced, too.
  const second = redis.control();
  await first.end('SIGKILL');
  await second.printed(/this controller leads the cluster"/);
  const next = after.shards.find(({ id }) => id !== shard?.id) as Shard;
  const other = redis.at(next.address);
  await other.process.end('SIGKILL');
  const last = await redis.replaces(next);
  await clients.goesOn(10);
  await clients.stop();
  for (const slot of [0, 5461, 16383]) expect(await redis.primariesOf(slot)).toHaveLength(1);
  expect(
    nodesOf(last)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(
    nodesOf(before)
      .map(({ id }) => id)
      .sort(),
  );

  expect(clients.errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);
  const lost = await lostOf(clients, router.port);
  console.info({ acknowledged: clients.acknowledged, errors: clients.errors.length, lost, decidedMs, servedMs });
}

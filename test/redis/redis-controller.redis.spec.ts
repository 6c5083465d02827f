import { afterEach, expect, it } from 'vitest';
import { textOf } from '../../src/resp/index.ts';
import type { Shard } from '../../src/topology/index.ts';
import { eventually } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { replaceKilled } from './killed-primaries.ts';
import { LedRedis, startBefore } from './led-redis.ts';
import { askNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

it(
  'has a replica take over from a primary that is killed, under load; what comes back follows it; another controller goes on',
  () => replaceKilled(scope, 'redis-server'),
  120_000,
);

it('waits for nothing at a primary that hangs, and lets nothing through to it once it goes on', async () => {
  const redis = await LedRedis.start(scope);
  await redis.control().printed(/a topology is committed/);
  const before = await redis.topology();
  const router = await startBefore(scope, redis);
  const clients = new CountingClients(scope, router.port, 6, 8);
  await clients.goesOn(10);

  const [shard] = before.shards;
  const stopped = redis.at(shard?.address as string);
  const stoppedAt = performance.now();
  stopped.process.child.kill('SIGSTOP');
  await redis.replaces(shard as Shard);
  await clients.goesOn(10);
  const servedMs = performance.now() - stoppedAt;
  stopped.process.child.kill('SIGCONT');
  await eventually(
    async () => textOf(await askNode(stopped.port, 'INFO', 'replication'))?.includes('role:slave') === true,
  );
  await clients.goesOn(10);
  expect(clients.errors.filter((error) => !/^ERR the connection to shard .* was lost/.test(error))).toEqual([]);

  await clients.stop();
  const lost = await lostOf(clients, router.port);
  console.info({ acknowledged: clients.acknowledged, errors: clients.errors.length, lost, servedMs });
}, 120_000);

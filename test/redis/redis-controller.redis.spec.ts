import { afterEach, expect, it } from 'vitest';
import { textOf } from '../../src/resp/index.ts';
import { nodesOf } from '../../src/topology/index.ts';
import { eventually } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { CountingClients, lostOf } from './counting-clients.ts';
import { LedRedis, startBefore } from './led-redis.ts';
import { askNode, nodesOf as linesOf, restartNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('has a replica take over from a primary that is killed, under load; what comes back follows it; another controller goes on', async () => {
  const redis = await LedRedis.start(scope);
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
  const after = await redis.becomes(({ version }) => version > before.version);
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
  const other = redis.at(after.shards.find(({ id }) => id !== shard?.id)?.address as string);
  await other.process.end('SIGKILL');
  const last = await redis.becomes(({ version }) => version > after.version);
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
}, 120_000);

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
  await redis.becomes(({ version }) => version > before.version);
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

import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Registry } from '../../src/registry/index.ts';
import { RespClientError, textOf } from '../../src/resp/index.ts';
import { nodesOf, type Topology } from '../../src/topology/index.ts';
import { eventually, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { type Running, Scope } from '../support/processes.ts';
import { PATIENCE, registryOn, served } from '../support/registries.ts';
import { CountingClients } from './counting-clients.ts';
import { askNode, type ClusterNode, nodesOf as linesOf, restartNode, startRedisCluster } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };

/** A cluster of real servers, led by real controllers, before a router. */
class LedRedis {
  readonly nodes: readonly ClusterNode[];
  readonly registry: Registry;
  readonly #config: string;
  readonly registryConfig: object;

  private constructor(nodes: readonly ClusterNode[], registry: Registry, config: object) {
    this.nodes = nodes;
    this.registry = registry;
    this.registryConfig = config;
    const cluster = {
      engine: 'redis',
      nodes: [`127.0.0.1:${nodes[0]?.port}`],
      probe: { interval: '100ms', timeout: '400ms', failures: 4 },
    };
    this.#config = scope.file(
      'controller.yaml',
      stringify({ registry: config, lease: '2s', clusters: { docs: cluster } }),
    );
  }

  static async start(): Promise<LedRedis> {
    const nodes = await startRedisCluster(scope);
    const store = await served(scope);
    return new LedRedis(nodes, registryOn(store.open(), scope), store.config);
  }

  control(): Running {
    return scope.keyway(['controller', '--config', this.#config]);
  }

  async topology(): Promise<Topology> {
    return (await this.registry.topologies.read(NAME)) as Topology;
  }

  /** Resolves once the registry's topology is as wanted. */
  async becomes(holds: (topology: Topology) => boolean): Promise<Topology> {
    await expect.poll(async () => holds(await this.topology()), PATIENCE).toBe(true);
    return this.topology();
  }

  at(address: string): ClusterNode {
    return this.nodes.find(({ port }) => address.endsWith(`:${port}`)) as ClusterNode;
  }

  /** The nodes that say that they are the primary of a slot, by what each says of itself. */
  async primariesOf(slot: number): Promise<number[]> {
    const claims = await Promise.all(
      this.nodes.map(async ({ port }) => {
        try {
          const own = (await linesOf(port)).find(([, , flags]) => flags?.includes('myself'));
          const [, , , , , , , , ...ranges] = own ?? [];
          const has = (range: string): boolean => {
            const [first = -1, last = first] = range.split('-').map(Number);
            return first <= slot && slot <= last;
          };
          return ranges.some(has) ? [port] : [];
        } catch (error) {
          if (error instanceof RespClientError) return [];
          throw error;
        }
      }),
    );
    return claims.flat();
  }
}

function startBefore(redis: LedRedis): Promise<RouterUnderTest> {
  return startRouter(scope, {
    shards: [],
    routes: [],
    registry: redis.registryConfig,
    upstream: { protocol: 'redis' },
    cluster: { waitForOwner: '30s' },
    listener: { redis: { cluster: 'docs' } },
  });
}

it('has a replica take over from a primary that is killed, under load; what comes back follows it; another controller goes on', async () => {
  const redis = await LedRedis.start();
  const first = redis.control();
  await first.printed(/a topology is committed/);
  const before = await redis.becomes(({ shards }) => shards.every(({ replicas }) => replicas?.length === 1));
  expect(before.shards.flatMap(({ slots = [] }) => slots.flat()).sort((a, b) => a - b)).toEqual([
    0, 5460, 5461, 10922, 10923, 16383,
  ]);
  const router = await startBefore(redis);
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
  const redis = await LedRedis.start();
  await redis.control().printed(/a topology is committed/);
  const before = await redis.topology();
  const router = await startBefore(redis);
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

/** Sees that nothing was done twice, and that what is gone was never acknowledged since. @returns how many acknowledgements were taken back */
async function lostOf(clients: CountingClients, port: number): Promise<number> {
  let lost = 0;
  for (const { key, acknowledgedAt, lostAt, unknown } of clients.counters) {
    const value = Number(textOf(await askNode(port, 'GET', key)));
    expect(value).toBeGreaterThanOrEqual(acknowledgedAt.size);
    expect(value).toBeLessThanOrEqual(acknowledgedAt.size + unknown);
    lost += lostAt.length;
  }
  return lost;
}

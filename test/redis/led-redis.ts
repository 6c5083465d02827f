import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { Registry } from '../../src/registry/index.ts';
import { RespClientError } from '../../src/resp/index.ts';
import type { Shard, Topology } from '../../src/topology/index.ts';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import type { Running, Scope } from '../support/processes.ts';
import { PATIENCE, type RemoteStoreUnderTest, registryOn, served } from '../support/registries.ts';
import { type ClusterNode, nodesOf as linesOf, startRedisCluster } from './redis-cluster.ts';

export const NAME = { namespace: 'default', cluster: 'docs' };

/** A cluster of real servers, led by real controllers, before a router. */
export class LedRedis {
  readonly nodes: ClusterNode[];
  readonly registry: Registry;
  readonly #scope: Scope;
  readonly #config: string;
  readonly registryConfig: object;
  /** As commands name it. */
  readonly registryAddress: string;

  private constructor(
    scope: Scope,
    nodes: readonly ClusterNode[],
    registry: Registry,
    { config, address }: RemoteStoreUnderTest,
  ) {
    this.#scope = scope;
    this.nodes = [...nodes];
    this.registry = registry;
    this.registryConfig = config;
    this.registryAddress = address;
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

  static async start(scope: Scope, program = 'redis-server'): Promise<LedRedis> {
    const nodes = await startRedisCluster(scope, { program });
    const store = await served(scope);
    return new LedRedis(scope, nodes, registryOn(store.open(), scope), store);
  }

  control(): Running {
    return this.#scope.keyway(['controller', '--config', this.#config]);
  }

  async topology(): Promise<Topology> {
    return (await this.registry.topologies.read(NAME)) as Topology;
  }

  /** Resolves once the registry's topology is as wanted. */
  async becomes(holds: (topology: Topology) => boolean): Promise<Topology> {
    await expect.poll(async () => holds(await this.topology()), PATIENCE).toBe(true);
    return this.topology();
  }

  /** Resolves once a shard has another primary. Its version alone shows nothing: a router that has kept a newer one has the registry go beyond that. */
  replaces({ id, nodeId }: Shard): Promise<Topology> {
    return this.becomes(({ shards }) => shards.some((shard) => shard.id === id && shard.nodeId !== nodeId));
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

/** A router before it, for clients that know of no cluster. */
export function startBefore(scope: Scope, redis: LedRedis): Promise<RouterUnderTest> {
  return startRouter(scope, {
    shards: [],
    routes: [],
    registry: redis.registryConfig,
    upstream: { protocol: 'redis' },
    cluster: { waitForOwner: '30s' },
    listener: { redis: { cluster: 'docs' } },
  });
}

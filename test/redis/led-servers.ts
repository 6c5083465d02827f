import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { Registry } from '../../src/registry/index.ts';
import type { Shard, Topology } from '../../src/topology/index.ts';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import type { Running, Scope } from '../support/processes.ts';
import { PATIENCE, type RemoteStoreUnderTest, registryOn } from '../support/registries.ts';

export const NAME = { namespace: 'default', cluster: 'docs' };

/** A cluster of servers, led by real controllers, before a router. */
export class LedServers<Server extends { readonly port: number }> {
  readonly nodes: Server[];
  readonly registry: Registry;
  readonly registryConfig: object;
  /** As commands name it. */
  readonly registryAddress: string;
  readonly #scope: Scope;
  readonly #config: string;

  /** @param settings of the cluster, in the controllers' config */
  constructor(scope: Scope, nodes: readonly Server[], store: RemoteStoreUnderTest, settings: object) {
    this.#scope = scope;
    this.nodes = [...nodes];
    this.registry = registryOn(store.open(), scope);
    this.registryConfig = store.config;
    this.registryAddress = store.address;
    const cluster = {
      nodes: [`127.0.0.1:${nodes[0]?.port}`],
      probe: { interval: '100ms', timeout: '400ms', failures: 4 },
      ...settings,
    };
    this.#config = scope.file(
      'controller.yaml',
      stringify({ registry: store.config, lease: '2s', clusters: { docs: cluster } }),
    );
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

  at(address: string): Server {
    return this.nodes.find(({ port }) => address.endsWith(`:${port}`)) as Server;
  }
}

/** A router before it, for clients that know of no cluster. */
export function startBefore(
  scope: Scope,
  { registryConfig }: { readonly registryConfig: object },
  upstream: object = {},
): Promise<RouterUnderTest> {
  return startRouter(scope, {
    shards: [],
    routes: [],
    registry: registryConfig,
    upstream: { protocol: 'redis', ...upstream },
    cluster: { waitForOwner: '30s' },
    listener: { redis: { cluster: 'docs' } },
  });
}

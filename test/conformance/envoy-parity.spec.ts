import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { importEnvoy } from '../../src/config/index.ts';
import { freePorts, KEYWAY, Scope, TOOLS } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';

const scope = new Scope();
afterEach(() => scope.release());

const HOSTS = 12;
const KEYS = 10_000;
/** Requests that are under way at once. */
const CONCURRENCY = 200;

interface Trial {
  readonly name: string;
  readonly placement: Record<string, object>;
  readonly hashOn: 'address' | 'hostname' | 'id';
  readonly hosts: ReadonlyArray<{ port: number; hostname: string; weight: number }>;
}

/** Random sets of hosts and weights for each kind of table, the small and the large. */
function trials(random: () => number, ports: readonly number[]): Trial[] {
  const integer = (most: number): number => 1 + Math.floor(random() * most);
  const kinds: Array<[Record<string, object>, Trial['hashOn']]> = [
    [{ ringHash: { minimumRingSize: 1024 } }, 'address'],
    [{ ringHash: { minimumRingSize: integer(300) } }, 'address'],
    [{ ringHash: { minimumRingSize: integer(5000), hashFunction: 'murmurHash2' } }, 'address'],
    [{ ringHash: { minimumRingSize: 1, maximumRingSize: integer(200) } }, 'hostname'],
    [{ maglev: { tableSize: 65537 } }, 'address'],
    [{ maglev: { tableSize: 251 } }, 'id'],
    [{ maglev: { tableSize: 5003 } }, 'hostname'],
  ];
  return kinds.map(([placement, hashOn], i) => {
    const shuffled = [...ports].map((port) => ({ port, at: random() })).sort((a, b) => a.at - b.at);
    const hosts = shuffled.slice(0, integer(HOSTS)).map(({ port }) => ({
      port,
      hostname: `host-${port}.example`,
      weight: i % 2 === 0 ? 1 : integer(20),
    }));
    return { name: `trial${i}`, placement, hashOn, hosts };
  });
}

function keywayConfig(list: readonly Trial[]): string {
  return stringify({
    listen: [{ address: '127.0.0.1:0' }],
    routes: list.map(({ name }) => ({ match: { prefix: `/${name}/` }, cluster: name })),
    clusters: Object.fromEntries(
      list.map(({ name, placement, hashOn, hosts }) => [
        name,
        {
          placement,
          hashOn,
          shards: hosts.map(({ port, hostname, weight }) => ({
            id: `p${port}`,
            address: `127.0.0.1:${port}`,
            hostname,
            weight,
          })),
        },
      ]),
    ),
  });
}

function envoyCluster({ name, placement, hashOn, hosts }: Trial): object {
  const { ringHash, maglev } = placement as {
    ringHash?: { minimumRingSize: number; maximumRingSize?: number; hashFunction?: string };
    maglev?: { tableSize: number };
  };
  return {
    name,
    // Envoy hashes host names in clusters that DNS fills only.
    type: hashOn === 'hostname' ? 'STRICT_DNS' : 'STATIC',
    ...(hashOn === 'hostname' && { dns_lookup_family: 'V4_ONLY' }),
    connect_timeout: '5s',
    lb_policy: ringHash === undefined ? 'MAGLEV' : 'RING_HASH',
    ...(ringHash !== undefined && {
      ring_hash_lb_config: {
        minimum_ring_size: ringHash.minimumRingSize,
        ...(ringHash.maximumRingSize !== undefined && { maximum_ring_size: ringHash.maximumRingSize }),
        ...(ringHash.hashFunction === 'murmurHash2' && { hash_function: 'MURMUR_HASH_2' }),
      },
    }),
    ...(maglev !== undefined && { maglev_lb_config: { table_size: maglev.tableSize } }),
    ...(hashOn === 'hostname' && {
      common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } },
    }),
    circuit_breakers: { thresholds: [{ max_connections: 4096, max_pending_requests: 4096, max_requests: 4096 }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: hosts.map(({ port, hostname, weight }) => ({
            load_balancing_weight: weight,
            endpoint: {
              hostname,
              address: {
                socket_address: { address: hashOn === 'hostname' ? 'localhost' : '127.0.0.1', port_value: port },
              },
            },
            ...(hashOn === 'id' && { metadata: { filter_metadata: { 'envoy.lb': { hash_key: `p${port}` } } } }),
          })),
        },
      ],
    },
  };
}

function envoyConfig(list: readonly Trial[], port: number): string {
  const routes = list.map(({ name }) => ({
    match: { prefix: `/${name}/` },
    route: { cluster: name, hash_policy: [{ header: { header_name: 'x-shard-key' } }] },
  }));
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'parity',
    codec_type: 'HTTP2',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return stringify({
    static_resources: {
      listeners: [
        {
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: list.map(envoyCluster),
    },
  });
}

/** Sends each key through Envoy; answers the port of the host that got it. */
async function throughEnvoy(port: number, name: string, keys: readonly string[]): Promise<number[]> {
  const session = connect(`http://127.0.0.1:${port}`);
  const owners = new Array<number>(keys.length).fill(0);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < keys.length) {
      const i = next++;
      const request = session.request({ ':path': `/${name}/`, 'x-shard-key': keys[i] });
      const [headers] = (await once(request, 'response')) as [Record<string, string>];
      owners[i] = Number(headers['x-port']);
      request.resume();
      await once(request, 'close');
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  session.close();
  return owners;
}

function explained(config: string, name: string, keys: readonly string[]): number[] {
  const args = [KEYWAY, 'explain', '--config', config, '--cluster', name, '--json', '-'];
  const output = execFileSync(process.execPath, args, { input: keys.join('\n'), maxBuffer: 2 ** 28, encoding: 'utf8' });
  return output
    .trimEnd()
    .split('\n')
    .map((line) => Number((JSON.parse(line) as { address: string }).address.split(':')[1]));
}

it(`places ${KEYS} keys where a real Envoy does, for random hosts and weights and every kind of table`, async () => {
  const seed = runSeed();
  console.log(`KEYWAY_SEED=${seed}`);
  const random = seeded(seed);
  const backends = await Promise.all(
    Array.from({ length: HOSTS }, async () => {
      const server = createServer((request, response) => {
        response.setHeader('x-port', String(request.socket.localPort));
        response.end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      scope.defer(() => server.closeAllConnections());
      scope.defer(() => server.close());
      return (server.address() as { port: number }).port;
    }),
  );
  const list = trials(random, backends);
  const [port] = (await freePorts(1)) as [number];
  const bootstrap = envoyConfig(list, port);
  const envoyFile = scope.file('envoy.yaml', bootstrap);
  const envoy = scope.run(join(TOOLS, 'envoy/bin/envoy'), ['-c', envoyFile, '--concurrency', '1', '-l', 'info']);
  await envoy.printed(/starting main dispatch loop/);
  const config = scope.file('keyway.yaml', keywayConfig(list));
  const imported = scope.file('imported.yaml', stringify(importEnvoy(bootstrap, 'envoy.yaml').config));
  let agreed = 0;
  for (const { name } of list) {
    const keys = Array.from({ length: KEYS }, (_, i) => `${name}-${Math.floor(random() * 1e9)}/document-${i}`);
    const owners = await throughEnvoy(port, name, keys);
    expect(explained(config, name, keys), `seed ${seed}, ${name}`).toEqual(owners);
    expect(explained(imported, name, keys), `seed ${seed}, ${name}, imported`).toEqual(owners);
    agreed += keys.length;
  }
  console.log(`Envoy parity: ${agreed} keys agree`);
});

import { formatDuration } from '../../../runtime/quantity.ts';
import { cluster as clusterSchema } from '../../schema/cluster.ts';
import { readDuration } from '../durations.ts';
import type { Difference, Fields } from '../fields.ts';
import { givenDuration } from '../given.ts';
import { type ShardsByHost, shardsAt } from '../shards.ts';
import { withoutFaults } from '../without-faults.ts';
import { typeOf } from './bootstrap.ts';
import { readEndpoints } from './endpoints.ts';
import { readHealth } from './health.ts';
import { readBalancer } from './placement.ts';
import { readClientTls } from './tls.ts';

/** A cluster of ours, and what its routes have to know of it. */
export interface ImportedCluster {
  readonly name: string;
  readonly config: object;
  /** Where all requests go to one endpoint, a key decides nothing. */
  readonly isOne: boolean;
  readonly connectTimeoutMs: number | undefined;
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** Our names of clusters are at most 63 long, and a shard has a number behind it. */
const LONGEST_NAME = 55;

/** The clusters of a bootstrap, each made once a route goes to it. */
export class Clusters {
  readonly #found: ReadonlyMap<string, Fields>;
  readonly #shards: ShardsByHost;
  readonly #differences: Difference[];
  readonly #made = new Map<string, ImportedCluster | null>();

  constructor(clusters: readonly Fields[], shards: ShardsByHost, differences: Difference[]) {
    this.#found = new Map(clusters.map((each) => [each.text('name') ?? '', each]));
    this.#shards = shards;
    this.#differences = differences;
  }

  get all(): readonly ImportedCluster[] {
    return [...this.#made.values()].filter((each) => each !== null);
  }

  /** Null where it is not in the file, or no config can be made of it; both are reported. */
  of(name: string, route: Fields): ImportedCluster | null {
    const fields = this.#found.get(name);
    if (fields === undefined) {
      route.leaveOut('cluster', `there is no cluster ${name} in the file`);
      return null;
    }
    const known = this.#made.get(name);
    const made = known === undefined ? this.#make(name, fields) : known;
    this.#made.set(name, made);
    return made;
  }

  /** Reports those that no route goes to. @returns names in the list of shards that no cluster has */
  finish(): string[] {
    for (const [name, fields] of this.#found) if (!this.#made.has(name)) fields.leaveOut('', 'no route goes to it');
    return Object.keys(this.#shards).filter((name) => !this.#made.has(name));
  }

  #make(name: string, fields: Fields): ImportedCluster | null {
    const { placement, hashesHostnames } = readBalancer(fields);
    const ours = this.#nameFor(name, fields);
    const shards = this.#shardsOf(name, ours, fields, hashesHostnames);
    const socket = fields.has('transport_socket') ? readClientTls(fields.mapping('transport_socket')) : undefined;
    if (shards === null || socket === null) {
      fields.leaveOut(
        '',
        shards === null
          ? `its endpoints are not in the file: give them with --shards ${name}=…`
          : 'Keyway cannot connect to its shards',
      );
      return null;
    }
    if (placement === null && shards.length > 1)
      fields.change('lb_policy', 'a key has one owner: requests need a key, and each goes to the shard that owns it');
    const config = {
      ...(placement !== null && { placement }),
      ...(shards.some(({ hostname }) => hostname !== undefined) && { hashOn: 'hostname' }),
      upstream: { protocol: readProtocol(fields), ...socket },
      ...readHealth(fields),
      shards,
    };
    const connectTimeoutMs = readDuration(fields, 'connect_timeout');
    const checked = withoutFaults(clusterSchema, config, fields.place, ['shards', 'hashOn'], this.#differences);
    return checked && { name: ours, config: checked, isOne: shards.length === 1, connectTimeoutMs };
  }

  #nameFor(name: string, fields: Fields): string {
    const plain =
      name
        .replaceAll(/[^A-Za-z0-9._-]/g, '-')
        .replace(/^[._-]+/, '')
        .slice(0, LONGEST_NAME) || 'cluster';
    const taken = new Set(this.all.map((each) => each.name));
    let ours = plain;
    for (let i = 2; taken.has(ours); i++) ours = `${plain}-${i}`;
    if (ours !== name) fields.change('name', `it is called ${ours} here`);
    return ours;
  }

  #shardsOf(
    name: string,
    ours: string,
    fields: Fields,
    hashesHostnames: boolean,
  ): Array<{ id: string; address: string; hostname?: string; weight?: number }> | null {
    const type = fields.text('type') ?? 'STATIC';
    for (const each of ['dns_lookup_family', 'dns_refresh_rate', 'respect_dns_ttl']) fields.take(each);
    const givenShards = this.#shards[name];
    if (givenShards !== undefined) return shardsAt(ours, givenShards);
    const endpoints = readEndpoints(fields.mapping('load_assignment'), hashesHostnames);
    if (endpoints.length === 0) return null;
    const isByAddress = endpoints.every(({ address, hashKey }) => address === hashKey);
    if (hashesHostnames && !type.endsWith('_DNS'))
      fields.change(
        'type',
        `${type}: Envoy hashes the host names that DNS returns; Keyway hashes the endpoint's own name`,
      );
    if (type.endsWith('_DNS') && isByAddress && endpoints.some(({ address }) => isNamed(address)))
      fields.change(
        'type',
        `${type}: Envoy makes an endpoint of each address in DNS, and hashes that; Keyway makes one shard of each name: list the addresses, so that no key moves`,
      );
    return endpoints.map(({ address, hashKey, weight }, i) => ({
      id: `${ours}-${i}`,
      address,
      ...(!isByAddress && { hostname: hashKey }),
      ...(weight !== undefined && { weight }),
    }));
  }
}

function isNamed(address: string): boolean {
  return !/^(?:\[.*\]|[0-9.]+):\d+$/.test(address);
}

/** What a cluster's hosts speak: HTTP/1.1 where nothing is said. */
function readProtocol(cluster: Fields): string {
  const isHttp2 = cluster.has('http2_protocol_options');
  if (isHttp2) cluster.mapping('http2_protocol_options');
  const extensions = cluster.mapping('typed_extension_protocol_options');
  if (!extensions.has(HTTP_OPTIONS)) return isHttp2 ? 'http2' : 'http1';
  const options = extensions.mapping(HTTP_OPTIONS);
  const type = typeOf({ '@type': options.take('@type') });
  if (type !== 'HttpProtocolOptions') options.leaveOut('@type', `${type} is unknown`);
  if (options.has('auto_config')) {
    options.take('auto_config');
    return 'auto';
  }
  if (options.has('use_downstream_protocol_config')) {
    options.leaveOut(
      'use_downstream_protocol_config',
      "Keyway detects each shard's protocol, whatever the client speaks",
    );
    return 'auto';
  }
  const explicit = options.mapping('explicit_http_config');
  if (explicit.has('http_protocol_options')) explicit.mapping('http_protocol_options');
  if (!explicit.has('http2_protocol_options')) return 'http1';
  explicit.mapping('http2_protocol_options');
  return 'http2';
}

/** The time to connect, which is one for all clusters here: the longest. */
export function connectTimeout(clusters: readonly ImportedCluster[], differences: Difference[]): object {
  const times = clusters.flatMap(({ connectTimeoutMs }) => connectTimeoutMs ?? []);
  const longest = Math.max(...times);
  if (new Set(times).size > 1)
    differences.push({
      kind: 'changed',
      field: 'connect_timeout',
      reason: `Keyway has one value for all clusters: the longest, ${formatDuration(longest)}`,
    });
  return givenDuration('connectTimeout', times.length > 0 ? longest : undefined);
}

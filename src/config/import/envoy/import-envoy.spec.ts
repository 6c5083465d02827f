import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { placesIn, replace } from '../../../../test/support/places.ts';
import type { ClusterDescription } from '../../../topology/index.ts';
import { type Config, parseConfig } from '../../load-config.ts';
import { withoutFiles } from '../files.ts';
import { type EnvoyImportOptions, importEnvoy } from './import-envoy.ts';

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = {
  name: 'router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
};

const endpoint = (port: number, more: object = {}): object => ({
  endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: port } } },
  ...more,
});
const ENDPOINTS = { endpoints: [{ lb_endpoints: [endpoint(1), endpoint(2)] }] };
const DOCS = { name: 'docs', lb_policy: 'RING_HASH', load_assignment: ENDPOINTS };
const TO_DOCS = { cluster: 'docs', timeout: '0s', hash_policy: [{ header: { header_name: 'x-shard-key' } }] };

const manager = (more: object = {}): object => ({
  name: 'http',
  typed_config: { '@type': HCM, use_remote_address: true, http_filters: [ROUTER], ...more },
});
const hosts = (routes: readonly object[], domains = ['*'], more: object = {}): object => ({
  virtual_hosts: [{ name: 'all', domains, routes, ...more }],
});
const listener = (port: number, filter: object, more: object = {}): object => ({
  address: { socket_address: { address: '0.0.0.0', port_value: port } },
  filter_chains: [{ filters: [filter], ...more }],
});
const bootstrap = (listeners: readonly object[], clusters: readonly object[] = [DOCS]): object => ({
  static_resources: { listeners, clusters },
});
const routed = (route: object, cluster: object = DOCS): object =>
  bootstrap(
    [listener(8080, manager({ route_config: hosts([{ match: { prefix: '/' }, route: { ...TO_DOCS, ...route } }]) }))],
    [cluster],
  );
const matching = (match: object): object =>
  bootstrap([listener(8080, manager({ route_config: hosts([{ match, route: TO_DOCS }]) }))]);

interface Result {
  readonly config: Config | null;
  readonly written: Record<string, unknown>;
  readonly notes: string[];
}

function imported(value: object, options: EnvoyImportOptions = {}): Result {
  const { config, differences } = importEnvoy(stringify(value), 'e', options);
  return {
    written: config as Record<string, unknown>,
    config: config && parseConfig(stringify(withoutFiles(config)), 'imported'),
    notes: differences.map(
      ({ kind, field }) => `${kind}: ${field.replace(/^.*typed_config\.|^e: static_resources\./, '')}`,
    ),
  };
}

function descriptionOf({ config }: Result): ClusterDescription | undefined {
  const source = config?.clusters[0]?.source;
  return source?.kind === 'config' ? source.description : undefined;
}

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../../${file}`, import.meta.url)), 'utf8');

it("carries over the project's own bootstraps, the order of hosts too", () => {
  const { config, differences } = importEnvoy(read('envoy/bench.yaml'), 'bench.yaml');
  expect(config).toMatchObject({
    listen: [{ address: '127.0.0.1:18301' }],
    limits: { maxConcurrentStreams: 10_000 },
    routes: [{ match: { prefix: '/' }, cluster: 'shards', shardKey: { header: 'x-shard-key' } }],
    clusters: {
      shards: {
        placement: { ringHash: { minimumRingSize: 1024 } },
        upstream: { protocol: 'http2' },
        shards: ['18201', '18202', '18203'].map((port) => ({ address: `127.0.0.1:${port}` })),
      },
    },
  });
  expect(differences.every(({ field }) => field.startsWith('bench.yaml: static_resources.'))).toBe(true);
  parseConfig(stringify(config), 'bench');
});

describe('the table', () => {
  it.each<[string, object, object]>([
    [
      'RING_HASH',
      { ring_hash_lb_config: { minimum_ring_size: 7, maximum_ring_size: 9, hash_function: 'MURMUR_HASH_2' } },
      { name: 'ringHash', options: { minimumRingSize: 7, maximumRingSize: 9, hashFunction: 'murmurHash2' } },
    ],
    ['MAGLEV', { maglev_lb_config: { table_size: 251 } }, { name: 'maglev', options: { tableSize: 251 } }],
    ['MAGLEV', {}, { name: 'maglev', options: { tableSize: 65537 } }],
    [
      'RING_HASH',
      { ringHashLbConfig: { minimumRingSize: '12' } },
      { name: 'ringHash', options: { minimumRingSize: 12 } },
    ],
    [
      'ROUND_ROBIN',
      {
        load_balancing_policy: {
          policies: [
            {
              typed_extension_config: {
                name: 'x',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev',
                  table_size: 13,
                },
              },
            },
          ],
        },
      },
      { name: 'maglev', options: { tableSize: 13 } },
    ],
  ])('is that of %s with %j', (policy, more, placement) => {
    const result = imported(routed({}, { ...DOCS, lb_policy: policy, ...more }));
    expect(descriptionOf(result)).toMatchObject({ placement, hashOn: 'address' });
    expect(result.notes).toEqual([]);
  });

  it('hashes what Envoy hashes: addresses, host names, or an endpoint’s own text', () => {
    const own = (key: string): object => ({ metadata: { filter_metadata: { 'envoy.lb': { hash_key: key } } } });
    const keyed = [{ lb_endpoints: [endpoint(1, { ...own('a b'), load_balancing_weight: 3 }), endpoint(2)] }];
    const result = imported(routed({}, { ...DOCS, load_assignment: { endpoints: keyed } }));
    expect(descriptionOf(result)).toMatchObject({
      hashOn: 'hostname',
      shards: [
        { hostname: 'a b', weight: 3 },
        { hostname: '10.0.0.1:2', weight: 1 },
      ],
    });
    const named = [
      {
        lb_endpoints: ['a', 'b'].map((address) => ({
          endpoint: { address: { socket_address: { address, port_value: 1 } } },
        })),
      },
    ];
    const dns = { ...DOCS, type: 'STRICT_DNS', load_assignment: { endpoints: named } };
    const byName = imported(
      routed({}, { ...dns, common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } }),
    );
    expect(descriptionOf(byName)).toMatchObject({ hashOn: 'hostname', shards: [{ hostname: 'a' }, { hostname: 'b' }] });
    expect(byName.notes).toEqual([]);
    expect(imported(routed({}, dns)).notes).toEqual(['changed: clusters[0].type']);
  });

  it('leaves out endpoints behind other endpoints, and duplicates', () => {
    const endpoints = [{ lb_endpoints: [endpoint(1), endpoint(1)] }, { priority: 1, lb_endpoints: [endpoint(3)] }];
    const result = imported(routed({}, { ...DOCS, load_assignment: { endpoints } }));
    expect(descriptionOf(result)?.shards.map(({ address }) => address)).toEqual(['10.0.0.1:1']);
    expect(result.notes).toEqual([
      'left out: clusters[0].load_assignment.endpoints[1]',
      'left out: clusters[0].load_assignment.endpoints[0].lb_endpoints[1]',
    ]);
  });
});

describe('the key', () => {
  it.each<[object[], unknown, string[]]>([
    [[{ cookie: { name: 'sid', ttl: '0s' } }], [{ cookie: 'sid' }], ['left out: hash_policy[0].cookie.ttl']],
    [[{ query_parameter: { name: 'doc' } }], [{ query: 'doc' }], ['changed: hash_policy[0].query_parameter.name']],
    [[{ connection_properties: { source_ip: true } }], [{ clientAddress: true }], []],
    [
      [{ header: { header_name: 'a' }, terminal: true }, { connection_properties: { source_ip: true } }],
      [{ header: 'a' }, { clientAddress: true }],
      [],
    ],
    [
      [{ header: { header_name: 'a' } }, { header: { header_name: 'b' } }],
      [{ header: 'a' }, { header: 'b' }],
      ['changed: hash_policy[0].terminal'],
    ],
    [
      [{ header: { header_name: 'a', regex_rewrite: {} } }],
      [{ header: 'x-shard-key' }],
      ['left out: hash_policy[0].header.regex_rewrite', 'changed: hash_policy'],
    ],
    [
      [{ filter_state: { key: 'a' } }],
      [{ header: 'x-shard-key' }],
      ['left out: hash_policy[0]', 'changed: hash_policy'],
    ],
  ])('comes from %j', (policies, shardKey, notes) => {
    const { config, notes: reported } = imported(routed({ hash_policy: policies }));
    expect(config?.routes[0]?.shardKey).toEqual(shardKey);
    expect(reported.map((note) => note.replace(/: .*\.route\./, ': '))).toEqual(notes);
  });

  it('is one for all where there is one endpoint, and what a route sets where it sets the header', () => {
    const one = { name: 'one', load_assignment: { endpoints: [{ lb_endpoints: [endpoint(1)] }] } };
    expect(imported(routed({ cluster: 'one', hash_policy: [] }, one)).config?.routes[0]?.shardKey).toEqual([
      { value: 'one' },
    ]);
    const route = {
      match: { prefix: '/' },
      route: TO_DOCS,
      request_headers_to_add: [
        { header: { key: 'X-Shard-Key', value: 'k' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      ],
    };
    const set = imported(bootstrap([listener(8080, manager({ route_config: hosts([route]) }))]));
    expect(set.config?.routes[0]?.shardKey).toEqual([{ value: 'k' }]);
  });
});

describe('routes', () => {
  it.each<[object, object]>([
    [{ path: '/a' }, { path: { exact: '/a' } }],
    [{ prefix: '/a', case_sensitive: false }, { path: { regex: '^(?i:/a)' } }],
    [{ path_separated_prefix: '/a.b' }, { path: { regex: '^/a\\.b(?:/|$)' } }],
    [{ safe_regex: { google_re2: {}, regex: '/v[0-9]+' } }, { path: { regex: '^(?:/v[0-9]+)$' } }],
    [{ prefix: '/', headers: [{ name: ':method', string_match: { exact: 'POST' } }] }, { methods: ['POST'] }],
    [
      { prefix: '/', headers: [{ name: 'X-A', string_match: { suffix: 'z', ignore_case: true } }] },
      { headers: { 'x-a': { regex: '(?i:z$)' } } },
    ],
    [
      { prefix: '/', headers: [{ name: 'x-a', present_match: true, invert_match: true }] },
      { headers: { 'x-a': { present: false } } },
    ],
    [{ prefix: '/', headers: [{ name: 'x-a', exact_match: 'b' }] }, { headers: { 'x-a': { exact: 'b' } } }],
    [{ prefix: '/', headers: [{ name: 'x-a', suffix_match: 'z.' }] }, { headers: { 'x-a': { regex: 'z\\.$' } } }],
    [
      { prefix: '/', headers: [{ name: 'x-a', safe_regex_match: { google_re2: {}, regex: 'a|b' } }] },
      { headers: { 'x-a': { regex: '^(?:a|b)$' } } },
    ],
    [{ prefix: '/', headers: [{ name: 'x-a' }] }, { headers: { 'x-a': { present: true } } }],
    [{ prefix: '/', grpc: {} }, { headers: { 'content-type': { regex: '^application/grpc(?:[+].*)?$' } } }],
  ])('match as Envoy does with %j', (match, ours) => {
    const { config, notes } = imported(matching(match));
    expect(config?.routes[0]?.match).toMatchObject(ours);
    expect(notes).toEqual([]);
  });

  it.each<[object]>([
    [{ prefix: '/', query_parameters: [{ name: 'a' }] }],
    [{ prefix: '/', runtime_fraction: { default_value: { numerator: 1 } } }],
    [{ prefix: '/', headers: [{ name: 'x-a', exact_match: 'b', invert_match: true }] }],
    [
      {
        prefix: '/',
        headers: [
          { name: 'x-a', exact_match: 'b' },
          { name: 'x-a', prefix_match: 'b' },
        ],
      },
    ],
    [{ prefix: '/', headers: [{ name: ':path', exact_match: '/b' }] }],
    [{ prefix: '/', headers: [{ name: 'x-a', range_match: { start: 1, end: 2 } }] }],
    [{ connect_matcher: {} }],
  ])('are left out, and told, where a condition has no place: %j', (match) => {
    const { config, notes } = imported(matching(match));
    expect(config).toBeNull();
    expect(notes.some((note) => note.startsWith('left out: ') && note.includes('routes[0].match'))).toBe(true);
  });

  it('have the timeouts, retries, headers and origins that they have in Envoy', () => {
    const cors = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
      allow_origin_string_match: [{ exact: '*' }],
      allow_methods: 'GET, POST',
      max_age: '100',
    };
    const route = {
      name: 'docs-route',
      match: { prefix: '/' },
      route: {
        cluster: 'docs',
        hash_policy: TO_DOCS.hash_policy,
        idle_timeout: '0s',
        retry_policy: { retry_on: 'reset,connect-failure', num_retries: 2 },
      },
      response_headers_to_remove: ['server'],
    };
    const more = {
      request_headers_to_add: [
        { header: { key: 'a', value: '100%%' } },
        { header: { key: 'b', value: '%START_TIME%' } },
      ],
      typed_per_filter_config: { 'envoy.filters.http.cors': cors },
    };
    const { written, notes } = imported(
      bootstrap([
        listener(
          8080,
          manager({
            route_config: hosts(
              [route, { match: { prefix: '/x' }, redirect: {} }],
              ['a.example:80', 'a.example', '*.a.example'],
              more,
            ),
          }),
        ),
      ]),
    );
    const [first, second] = written.routes as object[];
    expect(first).toEqual({
      name: 'docs-route',
      match: { prefix: '/', hosts: ['a.example'] },
      cluster: 'docs',
      shardKey: { header: 'x-shard-key' },
      timeout: '15s',
      retries: { attempts: 2, idempotent: true },
      cors: {
        allowOrigins: [{ regex: '.*' }],
        allowMethods: ['GET', 'POST'],
        allowHeaders: [],
        exposeHeaders: [],
        allowCredentials: false,
        maxAge: '100s',
      },
      headers: { request: { add: { a: '100%' } }, response: { remove: ['server'] } },
    });
    expect(second).toMatchObject({ match: { hosts: ['*.a.example'] } });
    expect(notes).toEqual([
      'left out: route_config.virtual_hosts[0].request_headers_to_add[1]',
      'left out: route_config.virtual_hosts[0].routes[1]',
    ]);
  });

  it('of the most specific domain come first', () => {
    const of = (domain: string, prefix: string): object => ({
      name: domain,
      domains: [domain],
      routes: [{ match: { prefix }, route: TO_DOCS }],
    });
    const config = { virtual_hosts: [of('*', '/1'), of('*.example', '/2'), of('a.example', '/3')] };
    const { config: made, notes } = imported(bootstrap([listener(8080, manager({ route_config: config }))]));
    expect(made?.routes.map(({ match }) => match.path)).toEqual([{ prefix: '/3' }, { prefix: '/2' }, { prefix: '/1' }]);
    expect(notes).toEqual(['changed: host a.example', 'changed: host *.example']);
  });
});

describe('listeners', () => {
  const routes = { route_config: hosts([{ match: { prefix: '/' }, route: TO_DOCS }]) };
  const other = { route_config: hosts([{ match: { prefix: '/other' }, route: TO_DOCS }]) };

  it('with the same routes are one config; those with others are imported by themselves', () => {
    const all = bootstrap([listener(1, manager(routes)), listener(2, manager(other)), listener(3, manager(routes))]);
    const first = imported(all);
    expect(first.written.listen).toEqual([{ address: '0.0.0.0:1' }, { address: '0.0.0.0:3' }]);
    expect(first.notes).toEqual(['left out: listeners[1]']);
    const second = imported(all, { listener: '0.0.0.0:2' });
    expect(second.config?.routes[0]?.match.path).toEqual({ prefix: '/other' });
    expect(second.notes).toEqual(['left out: listeners[0]', 'left out: listeners[2]']);
    expect(imported(all, { listener: 'none' }).config).toBeNull();
    const named = { route_config: { ...routes.route_config, name: 'other' } };
    const changed = { route_config: { ...routes.route_config, request_headers_to_remove: ['x-a'] } };
    const mixed = imported(
      bootstrap([listener(1, manager(routes)), listener(2, manager(named)), listener(3, manager(changed))]),
    );
    expect(mixed.written.listen).toEqual([{ address: '0.0.0.0:1' }, { address: '0.0.0.0:2' }]);
    expect(mixed.notes).toEqual(['left out: listeners[2]']);
  });

  const tls = (name: string, config: object): object => ({
    transport_socket: {
      name: 'tls',
      typed_config: { '@type': `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${name}`, ...config },
    },
  });
  const certificate = { certificate_chain: { filename: 'a.pem' }, private_key: { filename: 'a.key' } };

  it('have their certificates; without, what was behind TLS is on loopback alone', () => {
    const context = {
      common_tls_context: {
        tls_certificates: [certificate],
        validation_context: { trusted_ca: { filename: 'ca.pem' } },
        alpn_protocols: ['h2'],
      },
      require_client_certificate: true,
    };
    const good = imported(bootstrap([listener(8443, manager(routes), tls('DownstreamTlsContext', context))]));
    expect(good.written.listen).toEqual([
      {
        address: '0.0.0.0:8443',
        tls: { certificates: [{ certificate: 'a.pem', key: 'a.key' }], clientAuthorities: 'ca.pem' },
      },
    ]);
    expect(good.notes).toEqual([]);
    const secrets = { common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 's' }] } };
    const bad = imported(bootstrap([listener(8443, manager(routes), tls('DownstreamTlsContext', secrets))]));
    expect(bad.written.listen).toEqual([{ address: '127.0.0.1:8443' }]);
    expect(bad.notes).toContain('left out: listeners[0].filter_chains[0].transport_socket');
  });

  it('reach shards by TLS, which Envoy does not check unless it is told to', () => {
    const context = {
      sni: 's.internal',
      common_tls_context: { validation_context: { trusted_ca: { filename: 'ca.pem' } } },
    };
    const good = imported(routed({}, { ...DOCS, ...tls('UpstreamTlsContext', context) }));
    expect(good.written.clusters).toMatchObject({
      docs: { upstream: { protocol: 'http1', tls: { authorities: 'ca.pem', serverName: 's.internal' } } },
    });
    expect(good.notes).toEqual([]);
    const open = imported(routed({}, { ...DOCS, ...tls('UpstreamTlsContext', {}) }));
    expect(open.notes).toHaveLength(1);
    const raw = imported(
      routed({}, { ...DOCS, transport_socket: { name: 'x', typed_config: { '@type': 'type.googleapis.com/x.Alts' } } }),
    );
    expect(raw.config).toBeNull();
  });

  it('report which filters are missing, and that requests are let in that Envoy would refuse', () => {
    const filters = [
      { name: 'envoy.filters.http.jwt_authn' },
      {
        name: 'grpc-web',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb' },
      },
      ROUTER,
    ];
    const { config, differences } = importEnvoy(
      stringify(bootstrap([listener(1, manager({ ...routes, http_filters: filters }))])),
      'e',
    );
    expect(config).toMatchObject({ routes: [{ grpcWeb: 'translate' }] });
    expect(differences.map(({ reason }) => reason)).toEqual([
      'envoy.filters.http.jwt_authn: Keyway has no such feature; requests that it would refuse are allowed',
    ]);
  });
});

it('carries over health checks, outlier detection and circuit breakers, and reports what differs', () => {
  const cluster = {
    ...DOCS,
    connect_timeout: '0.25s',
    health_checks: [
      {
        timeout: '1s',
        interval: '5s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        grpc_health_check: { service_name: 's' },
      },
    ],
    outlier_detection: { consecutive_5xx: 7, base_ejection_time: '10s', success_rate_stdev_factor: 1900 },
    circuit_breakers: { thresholds: [{ max_connections: 9, max_requests: 8, max_pending_requests: 7 }] },
  };
  const { written, notes } = imported(routed({}, cluster));
  expect(written.limits).toEqual({ connectTimeout: '250ms' });
  expect(written.clusters).toMatchObject({
    docs: {
      health: {
        active: { grpc: { service: 's' }, timeout: '1s', interval: '5s', unhealthyAfter: 2, healthyAfter: 1 },
        passive: { consecutiveFailures: 7, ejection: '10s', successRate: { standardDeviations: 1.9 } },
      },
      limits: { connections: 9, requests: 8, pending: 7 },
    },
  });
  expect(notes).toEqual([
    'changed: clusters[0].outlier_detection.consecutive_5xx',
    'changed: clusters[0].circuit_breakers.thresholds[0]',
    'changed: clusters[0].health_checks',
  ]);
});

it('takes the shards of a cluster whose endpoints are not in the file', () => {
  const eds = { name: 'docs', type: 'EDS', lb_policy: 'MAGLEV', eds_cluster_config: {} };
  expect(imported(routed({}, eds)).config).toBeNull();
  const result = imported(routed({}, eds), { shards: { docs: ['10.0.0.9:1'] } });
  expect(descriptionOf(result)?.shards).toMatchObject([{ address: '10.0.0.9:1' }]);
});

it('turns any input into a valid config or none, and never fails', () => {
  const whole = parse(read('envoy/bench-http1.yaml')) as object;
  const places = placesIn(whole);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...places), fc.jsonValue()), { minLength: 1, maxLength: 3 }),
      (changes) => {
        const changed = structuredClone(whole);
        for (const [path, value] of changes) replace(changed, path, value);
        const { config } = importEnvoy(stringify(changed), 'e');
        if (config !== null) parseConfig(stringify(withoutFiles(config), { aliasDuplicateObjects: false }), 'imported');
      },
    ),
  );
  expect(importEnvoy('a: [', 'e').config).toBeNull();
  expect(importEnvoy('', 'e').config).toBeNull();
});

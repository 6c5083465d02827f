import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { placesIn, replace } from '../../../../test/support/places.ts';
import type { ClusterDescription } from '../../../topology/index.ts';
import { type Config, parseConfig } from '../../load-config.ts';
import { importIstio } from './import-istio.ts';

const rule = (hash: string): string => `apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: yorkie
spec:
  host: yorkie
  trafficPolicy:
    portLevelSettings:
      - port:
          number: 8080
        loadBalancer:
          consistentHash:
${hash.replaceAll(/^/gm, '            ')}`;

const RING = rule('ringHash:\n  minimumRingSize: 1024\nhttpHeaderName: "x-shard-key"');
const MAGLEV = rule('maglev:\n  tableSize: 65537\nhttpHeaderName: "x-shard-key"');
const SHARDS = { yorkie: ['10.0.0.1:8080', '10.0.0.2:8080'] };

function descriptionOf({ clusters: [cluster] }: Config): ClusterDescription | null {
  return cluster?.source.kind === 'config' ? cluster.source.description : null;
}

function imported(...texts: string[]) {
  const { config, differences } = importIstio(
    texts.map((text, i) => ({ file: `${i}.yaml`, text })),
    SHARDS,
  );
  return { config, notes: differences.map(({ field }) => field), checked: parseConfig(stringify(config), 'imported') };
}

it("carries over the DestinationRules of Yorkie's sharded cluster mode, ring hash and Maglev, whole", () => {
  for (const [text, placement] of [
    [RING, { name: 'ringHash', minimumRingSize: 1024 }],
    [MAGLEV, { name: 'maglev', tableSize: 65537 }],
  ] as const) {
    const { checked, notes } = imported(text);
    expect(notes).toEqual([]);
    const { name, ...options } = placement;
    expect(descriptionOf(checked)).toMatchObject({
      name: 'yorkie',
      placement: { name, options },
      hashOn: 'address',
    });
    expect(descriptionOf(checked)?.shards.map(({ address }) => address)).toEqual(SHARDS.yorkie);
    expect(checked.routes).toMatchObject([
      { match: { path: { prefix: '/' } }, cluster: 'yorkie', shardKey: [{ header: 'x-shard-key' }] },
    ]);
  }
});

it.each([
  [
    'httpCookie: {name: sid, ttl: 0s}',
    [{ cookie: 'sid' }],
    ['DestinationRule yorkie: spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash.httpCookie.ttl'],
  ],
  [
    'httpQueryParameterName: doc',
    [{ query: 'doc' }],
    [
      'DestinationRule yorkie: spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash.httpQueryParameterName',
    ],
  ],
  ['useSourceIp: true\nminimumRingSize: 7', [{ clientAddress: true }], []],
])('takes the key from %s', (hash, shardKey, left) => {
  const { checked, notes } = imported(rule(hash));
  expect(checked.routes[0]?.shardKey).toEqual(shardKey);
  expect(notes).toEqual(left);
});

const SERVICE = `kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 9000, name: http, protocol: HTTP}
      hosts: ['*']
      tls: {mode: SIMPLE}
---
kind: VirtualService
metadata: {name: yorkie}
spec:
  hosts: [api.yorkie.dev]
  gateways: [gateway]
  http:
    - match:
        - uri: {prefix: /yorkie.v1.YorkieService}
          method: {exact: POST}
          headers: {x-api-key: {regex: 'k[0-9]+'}, x-any: {}}
        - uri: {exact: /healthz}
          ignoreUriCase: true
      route:
        - destination: {host: yorkie.default.svc.cluster.local, port: {number: 8080}}
          weight: 90
        - destination: {host: canary}
          weight: 10
      timeout: 1m30s
      headers:
        request: {set: {x-routed: "yes", ":authority": other}}
        response: {remove: [server]}
      corsPolicy:
        allowOrigins: [{exact: '*'}, {regex: 'https://.*[.]example'}]
        allowMethods: [POST, GET]
        allowHeaders: [x-shard-key]
        maxAge: 24h
        allowCredentials: true
        unmatchedPreflights: IGNORE
      retries: {attempts: 3}
`;

it.each([-5e-324, 0, 80.5, 65_536])('leaves out an invalid port of a destination: %s', (number) => {
  const { notes } = imported(SERVICE.replace('port: {number: 8080}', `port: {number: ${number}}`), RING);
  expect(notes.filter((field) => field.endsWith('destination.port.number'))).toHaveLength(1);
});

it('carries over a VirtualService and its Gateway, and reports every field that has no counterpart', () => {
  const { checked, notes } = imported(SERVICE, RING);
  expect(checked.listen).toMatchObject([{ host: '127.0.0.1', port: 9000 }]);
  expect(checked.routes).toMatchObject([
    {
      match: {
        path: { prefix: '/yorkie.v1.YorkieService' },
        hosts: ['api.yorkie.dev'],
        methods: ['POST'],
        headers: { 'x-api-key': { regex: '^(?:k[0-9]+)$' }, 'x-any': { present: true } },
      },
      cluster: 'yorkie',
      shardKey: [{ header: 'x-shard-key' }],
      timeoutMs: 90_000,
      requestHeaders: { set: { 'x-routed': 'yes' } },
      responseHeaders: { remove: ['server'] },
      cors: {
        allowOrigins: [{ regex: '.*' }, { regex: '^(?:https://.*[.]example)$' }],
        allowMethods: ['POST', 'GET'],
        allowHeaders: ['x-shard-key'],
        maxAgeSeconds: 86400,
        allowCredentials: true,
      },
    },
    { match: { path: { regex: '^(?i:/healthz)$' } }, cluster: 'yorkie' },
  ]);
  expect(notes).toEqual([
    'Gateway gateway: spec.servers[0].tls',
    'VirtualService yorkie: spec.http[0].route[1]',
    'VirtualService yorkie: spec.http[0].headers.request.set.:authority',
    'VirtualService yorkie: spec.http[0].corsPolicy.unmatchedPreflights',
    'VirtualService yorkie: spec.http[0].retries',
  ]);
});

it('reports documents that it does not know, and endpoints that only Kubernetes knows', () => {
  const { differences } = importIstio(
    [{ file: 'a.yaml', text: `kind: Service\nmetadata: {name: x}\n---\n${RING}` }],
    {},
  );
  expect(differences.map(({ field, reason }) => `${field}: ${reason}`)).toEqual([
    'a.yaml: Service x: is not a Gateway, VirtualService or DestinationRule',
    'host yorkie: Istio finds its endpoints in Kubernetes: list them as shards of yorkie',
  ]);
});

const gateway = (name: string, servers: object[], metadata: object = {}): string =>
  stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name, ...metadata },
    spec: { servers },
  });
const service = (http: object[], spec: object = {}, metadata: object = {}): string =>
  stringify({ kind: 'VirtualService', metadata: { name: 'v', ...metadata }, spec: { hosts: ['*'], ...spec, http } });
const destinationRule = (spec: object): string =>
  stringify({ kind: 'DestinationRule', metadata: { name: 'd' }, spec: { host: 'docs', ...spec } });
const to = (host: string, more: object = {}): object => ({ route: [{ destination: { host, ...more } }] });
const hashOf = (httpHeaderName: string): object => ({
  loadBalancer: { consistentHash: { maglev: {}, httpHeaderName } },
});

/** What was made, short: where each route goes, and what was reported of fields, without hosts' endpoints and keys. */
function summary(...texts: string[]): { routes: string[]; notes: string[]; checked: Config } {
  const sources = texts.map((text, i) => ({ file: `${i}.yaml`, text }));
  const { config, differences } = importIstio(sources, {});
  const checked = parseConfig(stringify(config, { aliasDuplicateObjects: false }), 'imported');
  const routes = checked.routes.map(
    ({ match: { path, hosts }, cluster }) => `${hosts?.join() ?? '*'}${Object.values(path).join()} ${cluster}`,
  );
  const notes = differences
    .filter(({ field }) => !field.startsWith('host '))
    .map(({ field, reason }) => `${field}: ${reason}`);
  return { routes, notes, checked };
}

it("carries over what Yorkie's chart has: /auth with one key, and gRPC-Web that is translated", () => {
  const texts = [
    gateway('yorkie-gateway', [{ port: { number: 80, name: 'rpc', protocol: 'grpc-web' }, hosts: ['*'] }]),
    service(
      [
        {
          match: [{ uri: { prefix: '/auth' } }],
          ...to('docs'),
          headers: { request: { set: { 'X-Shard-Key': 'auth-session' } } },
        },
        { match: [{ uri: { prefix: '/yorkie.v1' } }], ...to('docs') },
      ],
      { gateways: ['yorkie-gateway'] },
    ),
    destinationRule({ trafficPolicy: hashOf('x-shard-key') }),
  ];
  const { checked, notes } = summary(...texts);
  expect(notes).toEqual([]);
  expect(checked.routes).toMatchObject([
    {
      shardKey: [{ value: 'auth-session' }],
      grpcWeb: 'translate',
      requestHeaders: { set: { 'X-Shard-Key': 'auth-session' } },
    },
    { shardKey: [{ header: 'x-shard-key' }], grpcWeb: 'translate' },
  ]);
});

describe('of Gateways', () => {
  it('each HTTP port is listened on once, and others are not; admin makes way', () => {
    const { checked, notes } = summary(
      gateway('a', [
        { port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'] },
        { port: { number: 27017, protocol: 'MONGO' }, hosts: ['*'] },
        { port: { number: 9443, protocol: 'HTTPS' }, tls: { mode: 'PASSTHROUGH' }, hosts: ['*'] },
        { port: { number: 80800, protocol: 'HTTP' }, hosts: ['*'] },
      ]),
      gateway(
        'b',
        [8080, 9901].map((number) => ({ port: { number, protocol: 'HTTP2' }, hosts: ['*'] })),
      ),
      service([to('x')], { gateways: ['a', 'b'] }),
    );
    expect(checked.listen.map(({ port }) => port)).toEqual([8080, 9901]);
    expect(checked.admin.port).toBe(9902);
    expect(notes).toEqual(
      [
        'Gateway a: spec.servers[1]: MONGO is not HTTP: Keyway does not listen on port 27017',
        'Gateway a: spec.servers[3].port.number: 80800 is not a port: Keyway does not listen there',
        'Gateway a: spec.servers[2].tls: PASSTHROUGH: Keyway does not pass TLS through, and does not listen on port 9443',
      ].sort((one, other) => notes.indexOf(one) - notes.indexOf(other)),
    );
  });

  it('hosts narrow those of the services that are bound to them, and a wider reach is reported', () => {
    const servers = (number: number, ...hosts: string[]): object[] => [{ port: { number, protocol: 'HTTP' }, hosts }];
    const a = gateway('a', servers(8080, 'prod/*.example.com', './other.example.org'), { namespace: 'edge' });
    const b = gateway('b', servers(8081, '*'));
    const bound = (gateways: string[], hosts: string[], namespace?: string): ReturnType<typeof summary> =>
      summary(a, b, service([to('x')], { gateways, hosts }, { namespace }));
    const { routes, notes } = bound(['edge/a'], ['*', 'other.example.org'], 'prod');
    expect(routes).toEqual(['*.example.com/ x']);
    expect(notes).toEqual([
      'VirtualService prod/v: spec.gateways: Keyway serves its routes on every port (8080, 8081)',
    ]);
    expect(bound(['a', 'b'], ['docs.example.com'], 'prod').routes).toEqual(['docs.example.com/ x']);
    expect(bound(['a', 'unknown'], ['else.example'], 'prod').routes).toEqual(['else.example/ x']);
    expect(
      importIstio([{ file: 'a', text: `${a}---\n${service([to('x')], { gateways: ['a'], hosts: ['c.d'] })}` }], {})
        .config,
    ).toBeNull();
  });
});

describe('of VirtualServices', () => {
  it.each([
    { queryParams: { beta: { exact: '1' } } },
    { sourceLabels: { app: 'x' } },
    { sourceNamespace: 'x' },
    { gateways: ['g'] },
    { port: 80 },
    { scheme: { exact: 'https' } },
    { authority: { prefix: 'docs' } },
    { authority: { exact: 'other.example' } },
    { method: { regex: 'P.*' } },
    { method: { prefix: 'P' } },
    { headers: { ':path': { exact: '/' } } },
    { headers: { '@request.auth.claims.group': { exact: 'admin' } } },
    { headers: { 'x-a': { contains: 'b' } } },
    { withoutHeaders: { 'x-a': { exact: 'b' } } },
    { uri: { suffix: '.html' } },
    { uri: { regex: '(' } },
    { uri: { prefix: 'x' } },
    { method: { exact: 'purge' } },
    'no mapping',
  ])('a route whose condition has no place takes nobody else\u2019s requests: %j', (condition) => {
    const { routes, notes } = summary(
      service([{ match: [condition, { uri: { exact: '/beta' } }], ...to('canary') }, to('stable')], {
        hosts: ['docs.example'],
      }),
    );
    expect(routes).toEqual(['docs.example/beta canary', 'docs.example/ stable']);
    expect(notes.some((each) => each.startsWith('VirtualService v: spec.http[0]'))).toBe(true);
  });

  it.each([
    [{ match: [] }, { prefix: '/' }],
    [{ match: null }, { prefix: '/' }],
    [{ match: [{}] }, { prefix: '/' }],
    [{ match: [{ uri: { prefix: '/A.b' }, ignoreUriCase: true }] }, { regex: '^(?i:/A\\.b)' }],
    [{ match: [{ uri: { regex: '/a|/b' } }] }, { regex: '^(?:/a|/b)$' }],
  ])('%j is carried over', (condition, path) => {
    const { checked, notes } = summary(service([{ ...condition, ...to('x') }]));
    expect(checked.routes.map(({ match }) => match.path)).toEqual([path]);
    expect(notes).toEqual([]);
  });

  it('methods may be several, headers absent, and one authority of the hosts', () => {
    const match = [
      { method: { regex: 'GET|POST' }, withoutHeaders: { 'x-a': {} }, authority: { exact: 'a.example.com:80' } },
    ];
    const { checked, notes } = summary(service([{ match, ...to('x') }], { hosts: ['*.example.com'] }));
    expect(checked.routes[0]?.match).toMatchObject({
      methods: ['GET', 'POST'],
      headers: { 'x-a': { present: false } },
      hosts: ['a.example.com'],
    });
    expect(notes).toEqual([]);
  });

  it('the most specific host comes first, and what takes all of it last, whatever their order', () => {
    const { routes } = summary(
      service([to('any')], { hosts: ['*'] }),
      service([to('wide'), { match: [{ uri: { prefix: '/a' } }], ...to('narrow') }], {
        hosts: ['*.example.com', 'b.org'],
      }),
      service([to('one')], { hosts: ['a.example.com', '*', '*.a.example.com'] }),
    );
    expect(routes).toEqual([
      'b.org/a narrow',
      'b.org/ wide',
      'a.example.com/ one',
      '*.a.example.com/ one',
      '*.example.com/a narrow',
      '*.example.com/ wide',
      '*/ any',
      '*/ one',
    ]);
  });

  it('a short name is asked for by its full ones too, and what others delegate to is for nobody', () => {
    const full = 'reviews,reviews.prod,reviews.prod.svc,reviews.prod.svc.cluster.local/ reviews';
    expect(summary(service([to('reviews')], { hosts: ['reviews'] }, { namespace: 'prod' })).routes).toEqual([full]);
    const { routes, notes } = summary(service([to('a')], { hosts: undefined }), service([to('b')]));
    expect(routes).toEqual(['*/ b']);
    expect(notes[0]).toContain('spec.hosts: it has none');
  });

  it('all requests go to the destination with the most weight, with its headers', () => {
    const route = [
      { destination: { host: 'a' }, weight: 0 },
      {
        destination: { host: 'b' },
        weight: 90,
        headers: { request: { set: { 'x-b': '100%%' }, remove: ['host', 'x-c'], add: { 'x-t': 't=%START_TIME%' } } },
      },
    ];
    const { checked, notes } = summary(service([{ route, headers: { request: { set: { 'x-a': '1' } } } }]));
    expect(checked.routes).toMatchObject([
      { cluster: 'b', requestHeaders: { set: { 'x-a': '1', 'x-b': '100%' }, remove: ['x-c'] } },
    ]);
    expect(notes.map((each) => each.split(': ')[1])).toEqual([
      'spec.http[0].route[0]',
      'spec.http[0].route[1].headers.request.remove',
      'spec.http[0].route[1].headers.request.add.x-t',
    ]);
  });

  it.each([
    { redirect: { uri: '/' } },
    { directResponse: { status: 404 } },
    { delegate: { name: 'x' } },
  ])('a route without a destination is left out and reported: %j', (instead) => {
    const { routes, notes } = summary(service([{ match: [{ uri: { exact: '/a' } }], ...instead }, to('b')]));
    expect(routes).toEqual(['*/ b']);
    expect(notes).toEqual([
      expect.stringContaining(`spec.http[0].${Object.keys(instead)[0]}: the route has no destination`),
    ]);
  });
});

describe('of DestinationRules', () => {
  const toPort = (number: number): object => to('docs', { port: { number } });
  const at = (path: string, destination: object): object => ({ match: [{ uri: { exact: path } }], ...destination });
  const keyOf = ({ routes }: Config): unknown[] => routes.map(({ cluster, shardKey }) => [cluster, ...shardKey]);

  it('a port has the settings of its own, or the host\u2019s where it has none, and subsets are clusters apart', () => {
    const { checked, notes } = summary(
      destinationRule({
        trafficPolicy: {
          ...hashOf('x-host'),
          portLevelSettings: [
            { port: { number: 9080 }, ...hashOf('x-port') },
            { port: { number: 9090 }, loadBalancer: { simple: 'RANDOM' } },
          ],
        },
        subsets: [
          { name: 'v1', labels: { version: 'v1' } },
          { name: 'v2', trafficPolicy: hashOf('x-v2') },
        ],
      }),
      service([
        at('/a', toPort(8080)),
        at('/b', toPort(9080)),
        at('/c', toPort(9090)),
        at('/d', to('docs', { port: { number: 8080 }, subset: 'v1' })),
        at('/e', to('docs', { port: { number: 8080 }, subset: 'v2' })),
      ]),
    );
    expect(keyOf(checked)).toEqual([
      ['docs-8080', { header: 'x-host' }],
      ['docs-9080', { header: 'x-port' }],
      ['docs-9090', { header: 'x-shard-key' }],
      ['docs-v1-8080', { header: 'x-host' }],
      ['docs-v2-8080', { header: 'x-v2' }],
    ]);
    expect(notes.map((each) => each.split(': ')[1])).toEqual([
      'spec.trafficPolicy.portLevelSettings[1].loadBalancer.simple',
      'spec.subsets[0].labels',
    ]);
  });

  it('two hosts of one first label are two clusters, whose rules are not mixed up', () => {
    const [prod, test] = ['prod', 'test'].map((namespace) => `docs.${namespace}.svc.cluster.local`) as [string, string];
    const { checked } = summary(
      destinationRule({ host: prod, trafficPolicy: hashOf('x-prod') }),
      destinationRule({ host: '*.test.svc.cluster.local', trafficPolicy: hashOf('x-test') }),
      destinationRule({ host: '*', trafficPolicy: hashOf('x-any') }),
      service([at('/a', to(prod)), at('/b', to(test)), at('/c', to('else.example'))]),
    );
    expect(keyOf(checked)).toEqual([
      ['docs-prod', { header: 'x-prod' }],
      ['docs-test', { header: 'x-test' }],
      ['else', { header: 'x-any' }],
    ]);
  });

  it('settings without an effect are reported', () => {
    const policy = { trafficPolicy: hashOf('x-a') };
    const { notes } = summary(
      destinationRule(policy),
      destinationRule(policy),
      destinationRule({ host: 'other', ...policy }),
      service([to('docs')]),
    );
    expect(notes).toEqual([
      'DestinationRule d: spec.host: an earlier rule for docs is used',
      'DestinationRule d: spec.trafficPolicy.loadBalancer.consistentHash: no route leads to its host',
    ]);
  });

  it('a key that a route adds is reported, because Envoy then hashes two', () => {
    const rules = destinationRule({ trafficPolicy: hashOf('x-a') });
    const { checked, notes } = summary(
      rules,
      service([{ ...to('docs'), headers: { request: { add: { 'x-a': 'k' } } } }]),
    );
    expect(checked.routes[0]?.shardKey).toEqual([{ header: 'x-a' }, { value: 'k' }]);
    expect(notes).toEqual([expect.stringContaining('spec.http[0].headers.request.add: x-a is the key')]);
  });
});

it.each([
  [{ corsPolicy: { allowOrigins: [{ regex: '(' }], allowMethods: ['GET'] } }, 'spec.http[0].cors.allowOrigins.0.regex'],
  [
    { corsPolicy: { allowOrigins: [{ exact: '*' }], allowMethods: ['*'], maxAge: '48h' } },
    'spec.http[0].corsPolicy.maxAge',
  ],
  [{ headers: { response: { set: { 'x-a': ' b' } } } }, 'spec.http[0].headers.response.set.x-a'],
  [{ headers: { response: { set: { 'x a': 'b', 'x-b': 'c' } } } }, 'spec.http[0].headers.response.set.x a'],
  [{ timeout: '1000h' }, 'spec.http[0].timeout'],
  [{ timeout: 'soon' }, 'spec.http[0].timeout'],
  [{ retries: { attempts: 3 } }, 'spec.http[0].retries'],
  [{ rewrite: { uri: '/' } }, 'spec.http[0].rewrite'],
])('carries over the rest if one value has no counterpart: %j', (part, place) => {
  const { routes, notes } = summary(service([{ ...part, ...to('x') }, to('y')]));
  expect(routes).toEqual(['*/ x', '*/ y']);
  expect(notes.map((each) => each.split(': ')[1])).toContain(place);
});

it('keeps reading after what is not YAML, is of another kind or of another API, and reads lists', () => {
  const list = stringify({ kind: 'List', items: [parse(service([to('a')])), parse(destinationRule({}))] });
  const foreign = stringify({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', spec: { listeners: [] } });
  const { routes, notes } = summary(`kind: [\n---\n${list}---\nkind: Service\n---\n---\njust text\n---\n${foreign}`);
  expect(routes).toEqual(['*/ a']);
  expect(notes).toEqual([
    expect.stringMatching(/^0.yaml: document 1: not YAML: /),
    '0.yaml: Service: is not a Gateway, VirtualService or DestinationRule',
    '0.yaml: 0.yaml: document 5: is not a Gateway, VirtualService or DestinationRule',
    '0.yaml: Gateway: is not a Gateway, VirtualService or DestinationRule of Istio, but of gateway.networking.k8s.io/v1',
  ]);
});

it('never fails as a whole, whatever is in a field', () => {
  const resources = SERVICE.split('---\n')
    .concat(RING)
    .map((text) => parse(text) as object);
  const places = resources.flatMap((resource, i) => placesIn(resource).map((path) => [i, ...path]));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...places), fc.jsonValue()), { minLength: 1, maxLength: 3 }),
      (changes) => {
        const changed = structuredClone(resources);
        for (const [path, value] of changes) replace(changed, path, value);
        const { config } = importIstio(
          changed.map((each, i) => ({ file: `${i}`, text: stringify(each) })),
          {},
        );
        if (config !== null) parseConfig(stringify(config, { aliasDuplicateObjects: false }), 'imported');
      },
    ),
    {
      examples: [
        // A host that is none, and would be in a shard's address.
        [[[[1, 'spec', 'http', '0', 'route', '0', 'destination', 'host'], ' ']]],
        // A port that is none, in a rule that no route uses.
        [
          [
            [[1, 'kind'], 0],
            [[2, 'spec', 'trafficPolicy', 'portLevelSettings', '0', 'port', 'number'], {}],
          ],
        ],
      ],
    },
  );
});

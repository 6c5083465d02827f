import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ClusterDescription } from '../../topology/index.ts';
import { type Config, parseConfig } from '../load-config.ts';
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
  const { config, leftOut } = importIstio(
    texts.map((text, i) => ({ file: `${i}.yaml`, text })),
    SHARDS,
  );
  return { config, notes: leftOut.map(({ field }) => field), checked: parseConfig(stringify(config), 'imported') };
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
  ['httpQueryParameterName: doc', [{ query: 'doc' }], []],
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

it('carries over a VirtualService and its Gateway, and tells of every field that has no place', () => {
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
    { match: { path: { exact: '/healthz' } }, cluster: 'yorkie' },
  ]);
  expect(notes).toEqual([
    'Gateway gateway: spec.servers[0].tls',
    'VirtualService yorkie: spec.http[0].match[1].ignoreUriCase',
    'VirtualService yorkie: spec.http[0].route[1]',
    'VirtualService yorkie: spec.http[0].headers.request.set.:authority',
    'VirtualService yorkie: spec.http[0].corsPolicy.unmatchedPreflights',
    'VirtualService yorkie: spec.http[0].retries',
  ]);
});

it('tells of documents that it does not know, and of endpoints that only Kubernetes knows', () => {
  const { leftOut } = importIstio([{ file: 'a.yaml', text: `kind: Service\nmetadata: {name: x}\n---\n${RING}` }], {});
  expect(leftOut.map(({ field, reason }) => `${field}: ${reason}`)).toEqual([
    'a.yaml: Service x: is no Gateway, VirtualService or DestinationRule',
    'host yorkie: Istio finds its endpoints in Kubernetes: list them as shards',
  ]);
});

import { expect, it } from 'vitest';
import { parseControllerSettings } from './settings.ts';

const CLUSTERS = 'clusters: {cache: {engine: redis, nodes: ["h:7000"]}}';

it('fills in what a config leaves out', () => {
  const { leaseMs, clusters } = parseControllerSettings(`registry: {remote: {address: "h:9200"}}\n${CLUSTERS}`, 'f');
  expect([leaseMs, clusters]).toEqual([
    10_000,
    [
      {
        name: { namespace: 'default', cluster: 'cache' },
        engine: 'redis',
        seeds: ['h:7000'],
        consistency: 'strict',
        access: { timeoutMs: 1000, patienceMs: 4000, login: null, certificates: null },
        rules: { intervalMs: 1000, failures: 5, longestLoadingMs: 600_000, maxMissingShare: 0.5 },
      },
    ],
  ]);
});

it.each([
  ['clusters: {}', /registry/],
  ['registry: {remote: {address: "h:9200"}}\nclusters: {}', /name at least one cluster/],
  [`registry: {}\n${CLUSTERS}`, /exactly one of sqlite, remote, etcd/],
  ['registry: {remote: {address: "h:9200"}}\nclusters: {cache: {engine: mysql, nodes: ["h:1"]}}', /engine/],
  [`registry: {remote: {address: "h:9200"}}\n${CLUSTERS}\nwebhooks: [{url: "ftp://h/x"}]`, /webhooks/],
  [
    `registry: {remote: {address: "h:9200"}}\n${CLUSTERS}\nwebhooks: [{url: "http://h/x", events: [nothing]}]`,
    /events/,
  ],
  [
    'registry: {remote: {address: "h:9200"}}\napi: {listen: "0.0.0.0:9379"}',
    /give a tokenFile[\s\S]*give tls, or insecure/,
  ],
  [
    'registry: {remote: {address: "h:9200"}}\napi: {tls: {certificate: /no/file, key: /no/key}}',
    /api\.tls: \/no\/file/,
  ],
  [
    'registry: {remote: {address: "h:9200"}}\nclusters: {cache: {engine: redis, nodes: ["h:1"], login: {passwordFile: /no/file}}}',
    /passwordFile/,
  ],
  [
    'registry: {remote: {address: "h:9200"}}\nclusters: {cache: {engine: redis, nodes: ["h:1"], tls: {authorities: /no/file}}}',
    /clusters\.cache\.tls.*\/no\/file/,
  ],
  [
    'registry: {remote: {address: "h:9200"}}\nclusters: {cache: {engine: redis, nodes: ["h:1"], tls: {key: /no/file}}}',
    /certificate and key go together/,
  ],
])('refuses %s', (text, message) => {
  expect(() => parseControllerSettings(text, 'f')).toThrow(message);
});

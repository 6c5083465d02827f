import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { changedPaths } from './changed-paths.ts';
import { configChanges } from './config-changes.ts';
import { type Config, parseConfig } from './load-config.ts';

const SHARDS = { docs: { shards: [{ id: 's0', address: '127.0.0.1:1' }] } };

function config(more: object = {}): Config {
  const route = { match: { prefix: '/' }, cluster: 'docs' };
  const file = { listen: [{ address: '127.0.0.1:80' }], routes: [route], clusters: SHARDS, ...more };
  return parseConfig(stringify(file), 'keyway.yaml');
}

const registry = (path: string): object => ({ sqlite: { path } });
const inRegistry = { docs: { fromRegistry: {} } };

it('names each change once, as precisely as is useful', () => {
  expect(changedPaths({ a: { b: 1, c: [1, 2] } }, { a: { b: 2, c: [1, 3] } })).toEqual(['a.b', 'a.c.1']);
  expect(changedPaths({ a: [1] }, { a: [1, 2] })).toEqual(['a']);
  expect(changedPaths({ a: { b: { c: 1 } } }, { a: {} })).toEqual(['a.b']);
  expect(changedPaths({ a: [1, 2, 3, 4] }, { a: [5, 6, 7, 8] })).toEqual(['a']);
  expect(changedPaths({ a: undefined }, {})).toEqual([]);
});

it('applies routes, clusters, limits, listeners, access and the log', () => {
  const next = config({
    listen: [{ address: '127.0.0.1:80' }, { address: '127.0.0.1:81' }],
    admin: { address: '127.0.0.1:9901', hosts: ['a.example'] },
    log: { level: 'debug' },
    routes: [{ match: { prefix: '/' }, cluster: 'docs', timeout: '5ms' }],
    clusters: { ...SHARDS, more: { fromRegistry: {} } },
    limits: { resetBurst: 7 },
    registry: registry('r'),
  });
  const changes = configChanges(config(), next, false);
  expect(changes.needsRestart).toEqual([]);
  expect(new Set(changes.applied)).toEqual(
    new Set([
      'listen',
      'admin.hosts',
      'log.level',
      'limits.resetBurst',
      'registry',
      'routes.0.timeout',
      'clusters.more',
    ]),
  );
  expect(changes.unchanged).toContain('drain');
  expect(changes.config).toMatchObject({ routes: [{ timeoutMs: 5 }], limits: { resetBurst: 7 } });
});

it('reports what needs a restart, keeps the old value meanwhile, and reports it again', () => {
  const next = config({
    workers: 2,
    admin: { address: '127.0.0.1:9902' },
    tracing: { otlp: 'http://127.0.0.1:4318/' },
    drainTimeout: '3s',
  });
  const changes = configChanges(config(), next, false);
  expect(changes.needsRestart).toEqual(['admin.address', 'tracing', 'workers']);
  expect(changes.applied).toEqual(['drainTimeout']);
  expect(changes.config).toMatchObject({ workers: 1, drainMs: 3000, admin: { port: 9901 } });
  const again = configChanges(changes.config, next, false);
  expect([again.applied, again.needsRestart]).toEqual([[], changes.needsRestart]);
  expect(configChanges(changes.config, config({ drainTimeout: '3s' }), false)).toMatchObject({
    applied: [],
    needsRestart: [],
  });
});

it('does not route to clusters of a registry other than the one it follows', () => {
  const running = config({ registry: registry('a'), clusters: inRegistry });
  const next = config({
    registry: registry('b'),
    clusters: { ...inRegistry, more: { fromRegistry: {} } },
    routes: [{ match: { prefix: '/' }, cluster: 'more' }],
  });
  const { config: goesBy, needsRestart, applied } = configChanges(running, next, true);
  expect(needsRestart).toEqual(['registry.sqlite.path', 'routes.0.cluster', 'clusters.more']);
  expect(applied).toEqual([]);
  expect([goesBy.registry, goesBy.routes, goesBy.clusters]).toEqual([
    running.registry,
    running.routes,
    running.clusters,
  ]);
  // Without a cluster of the registry, which one it is does not matter.
  expect(configChanges(running, config(), true).needsRestart).toContain('clusters.docs.fromRegistry');
  expect(configChanges(running, next, false).needsRestart).toEqual([]);
});

it("keeps the source of a cluster's shards, and applies how they are reached", () => {
  const running = config({ registry: registry('a'), clusters: inRegistry });
  const upstream = { protocol: 'http1' };
  const next = config({ registry: registry('a'), clusters: { docs: { ...SHARDS.docs, upstream } } });
  const { config: goesBy, needsRestart, applied } = configChanges(running, next, true);
  expect(needsRestart).toEqual(expect.arrayContaining(['clusters.docs.fromRegistry', 'clusters.docs.shards']));
  expect(applied).toEqual(['clusters.docs.upstream.protocol']);
  expect(goesBy.clusters[0]).toMatchObject({ upstream, source: { kind: 'registry' } });
  const spelt = config({ registry: registry('a'), clusters: { docs: { fromRegistry: { cluster: 'docs' } } } });
  expect(configChanges(running, spelt, true).needsRestart).toEqual([]);
});

it('keeps the servers that a cluster is followed by until the router starts again', () => {
  const upstream = { protocol: 'redis' };
  const listen = [{ address: '127.0.0.1:80', redis: { cluster: 'docs' } }];
  const followed = (seed: string): Config =>
    config({ routes: [], listen, clusters: { docs: { upstream, discover: { redis: [seed] } } } });
  const { config: goesBy, needsRestart } = configChanges(followed('a:1'), followed('b:1'), false);
  expect(needsRestart).toEqual(['clusters.docs.discover.redis.0']);
  expect(goesBy.clusters[0]?.source).toMatchObject({ seeds: ['a:1'] });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from './load-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyway-redis-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const passwordFile = join(folder, 'password');
writeFileSync(passwordFile, 'sesame\n');

const shards = [{ id: 's0', address: '127.0.0.1:7000' }];
const clusters = { cache: { upstream: { protocol: 'redis' }, shards }, docs: { shards } };

function faultOf(config: object): string {
  try {
    parseConfig(stringify({ clusters, ...config }), 'config');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

it('needs no routes where all addresses are for Redis', () => {
  const listen = [{ address: '127.0.0.1:6379', redis: { cluster: 'cache', passwordFile } }];
  const { redis, listen: listeners, routes } = parseConfig(stringify({ listen, clusters }), 'config');
  expect(routes).toEqual([]);
  const only = listeners[0]?.only;
  expect(only?.family).toBe('redis');
  expect(redis[only?.entry ?? '']).toEqual({
    cluster: 'cache',
    password: 'sesame',
    mode: 'hidden',
    reads: 'primary',
    slowAfterMs: 10,
  });
  expect(faultOf({ listen: [...listen, { address: '127.0.0.1:8080' }] })).toContain('routes: there is none');
});

it('reads what the router logs in to shards with, and hides it', () => {
  const login = { passwordFile };
  const config = parseConfig(
    stringify({
      listen: [{ address: '127.0.0.1:6379', redis: { cluster: 'cache' } }],
      clusters: { cache: { upstream: { protocol: 'redis', login }, shards } },
    }),
    'config',
  );
  expect(config.clusters[0]?.upstream.login).toEqual({ username: 'default', password: 'sesame' });
  expect(JSON.stringify(config.shown)).not.toContain('sesame');
});

it('refuses addresses and routes that lead to shards of another protocol', () => {
  const toDocs = { address: '127.0.0.1:6379', redis: { cluster: 'docs' } };
  expect(faultOf({ listen: [toDocs] })).toContain('the shards of docs speak http2, and the clients Redis');
  const listen = [{ address: '127.0.0.1:8080' }];
  const routes = [{ match: { prefix: '/' }, cluster: 'cache' }];
  expect(faultOf({ listen, routes })).toContain('the shards of cache speak redis, and the clients HTTP');
  const nowhere = { address: '127.0.0.1:6379', redis: { cluster: 'cash' } };
  expect(faultOf({ listen: [nowhere] })).toContain('there is no cluster cash');
});

it('takes shards from servers of a cluster, and asks no placement for them', () => {
  const listen = [{ address: '127.0.0.1:6379', redis: { cluster: 'cache' } }];
  const upstream = { protocol: 'redis' };
  const discover = { redis: ['10.0.0.1:7000', 'redis.example:7000', '[fd00::1]:7000'] };
  const config = parseConfig(stringify({ listen, clusters: { cache: { upstream, discover } } }), 'config');
  expect(config.clusters[0]?.source).toEqual({ kind: 'servers', seeds: discover.redis, refreshMs: 1000 });
  const faultWith = (cluster: object) => faultOf({ listen, clusters: { cache: { upstream, discover, ...cluster } } });
  expect(faultWith({ shards })).toContain('give exactly one of shards, fromRegistry, discover');
  expect(faultWith({ placement: { slots: {} } })).toContain('comes from the servers with the shards');
  expect(faultWith({ upstream: {} })).toContain('the shards of cache speak http2');
  expect(faultWith({ discover: { redis: ['nowhere'] } })).toContain('clusters.cache.discover.redis.0');
});

it('says where the terms of a user mean nothing', () => {
  const users = [{ name: 'app', passwordFile, commands: '+@reads' }];
  const listen = [{ address: '127.0.0.1:6379', redis: { cluster: 'cache', users } }];
  const [fault] = faultOf({ listen })
    .split('\n')
    .filter((line) => line.includes('no term of an ACL'));
  expect(fault).toContain('listen.0.redis.users.0.commands');
});

it('takes prefixes that keep users apart, and no others', () => {
  const users = (...all: object[]) => [
    { address: '127.0.0.1:6379', redis: { cluster: 'cache', users: all.map((user) => ({ passwordFile, ...user })) } },
  ];
  const listen = users({ name: 'shop', prefix: 'shop:' }, { name: 'reader', prefix: 'shop:', commands: '+@read' });
  expect(faultOf({ listen })).toBe('');
  for (const [user, fault] of [
    [{ prefix: '{shop}' }, 'listen.0.redis.users.1.prefix: may not contain {, } or *'],
    [{ prefix: 'shop*' }, 'listen.0.redis.users.1.prefix: may not contain {, } or *'],
    [{ prefix: '__keyspace@0__:' }, 'listen.0.redis.users.1.prefix: may not begin with __key'],
    ...['_', '__', '__k', '__ke', '__key'].map(
      (prefix) => [{ prefix }, 'may not begin with __key, nor be its beginning'] as const,
    ),
    [{ prefix: 'a:', prefixes: ['b:'] }, 'listen.0.redis.users.1.prefix: is in place of prefixes'],
    [{ scripts: 'trusted' }, 'listen.0.redis.users.1.scripts: is for users with a prefix'],
    [{ prefix: 'shop:old:' }, 'listen.0.redis.users.1.prefix: begins with that of shop, who would see the keys of app'],
  ] as const)
    expect(faultOf({ listen: users({ name: 'shop', prefix: 'shop:' }, { name: 'app', ...user }) })).toContain(fault);
});

it('reads from replicas only where shards may have some', () => {
  const listen = [{ address: '127.0.0.1:6379', redis: { cluster: 'cache', reads: 'preferReplica' } }];
  expect(faultOf({ listen })).toContain('its shards have no replicas to read from');
  const bySlots = { cache: { upstream: { protocol: 'redis' }, placement: { slots: {} }, shards } };
  expect(faultOf({ clusters: bySlots, listen })).toBe('');
});

it('shows a cluster to clients only where keys are placed by slots', () => {
  const listen = (redis: object) => [{ address: '127.0.0.1:6379', redis: { cluster: 'cache', ...redis } }];
  expect(faultOf({ listen: listen({ mode: 'direct' }) })).toContain('the keys of cache are not placed by slots');
  expect(faultOf({ listen: listen({ announce: ['10.0.0.1:6379'] }) })).toContain('is for the modes direct and routers');
  const bySlots = { cache: { upstream: { protocol: 'redis' }, placement: { slots: {} }, shards } };
  const announced = listen({ mode: 'routers', announce: ['10.0.0.1:6379', '10.0.0.1:6380'] });
  expect(faultOf({ clusters: bySlots, listen: announced })).toBe('');
});

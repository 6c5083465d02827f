import { describe, expect, it } from 'vitest';
import { HeaderBlock, MessageHead, transientField } from '../../../http/index.ts';
import { RouterCounters } from '../../core/counters.ts';
import { ClusterOwners } from '../../core/owner/cluster-owners.ts';
import { conditionOf, pathMatcher, type RouteMatch } from './route-match.ts';
import { globMatcher, RoutingSnapshot } from './routing.ts';
import { pathOf, ShardKeyRule, type ShardKeySource } from './shard-key.ts';

type Headers = ReadonlyArray<readonly [name: string, value: string]>;

function request(path: string, more: Headers = []): { head: MessageHead; block: HeaderBlock } {
  const block = new HeaderBlock();
  const pseudo: Headers = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'Docs.example.com:8080'],
  ];
  block.set([...pseudo, ...more].map(([name, value]) => transientField(name, value)));
  const head = new MessageHead();
  expect(head.readRequest(block)).toBeNull();
  return { head, block };
}

function matches(match: RouteMatch, path: string, more: Headers = []): boolean {
  const { head, block } = request(path, more);
  return pathMatcher(match)(pathOf(head).path) && (conditionOf(match)?.(head, block) ?? true);
}

describe('a route', () => {
  const any = { prefix: '/' };

  it('matches a path by prefix, exactly, or by an expression', () => {
    expect(matches({ path: { prefix: '/a/' } }, '/a/b')).toBe(true);
    expect(matches({ path: { exact: '/a' } }, '/a/b')).toBe(false);
    expect(matches({ path: { exact: '/a' } }, '/a')).toBe(true);
    expect(matches({ path: { regex: '^/v[0-9]+/' } }, '/v12/x')).toBe(true);
    expect(matches({ path: { regex: '^/v[0-9]+/' } }, '/vx/x')).toBe(false);
  });

  it('matches a path however it is spelt, and however the route spells it', () => {
    expect(matches({ path: { prefix: '/admin/' } }, '/public/../%61dmin/x')).toBe(true);
    expect(matches({ path: { prefix: '/public/' } }, '/public/../admin/x')).toBe(false);
    expect(matches({ path: { exact: '/it%27s/%e2%82%ac' } }, "/it's/%E2%82%AC")).toBe(true);
    expect(matches({ path: { exact: '/€' } }, '/%e2%82%ac?x=1')).toBe(true);
    expect(matches({ path: { prefix: '/.' } }, '/.well-known/x')).toBe(true);
  });

  it('calls a path a watch whatever its query and its spelling', () => {
    const isWatch = globMatcher(['/live', '/keyway.shard.v1.Documents/*']);
    expect(['/live', '/live?after=0', '/%6Cive?a', '/keyway.shard.v1.Documents/Watch'].map(isWatch)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['/lively', '/x?/live', '/keyway.shard.v1'].map(isWatch)).toEqual([false, false, false]);
  });

  it('matches hosts without regard to case and port, and names below a wildcard', () => {
    expect(matches({ path: any, hosts: ['docs.example.com'] }, '/')).toBe(true);
    expect(matches({ path: any, hosts: ['*.example.com'] }, '/')).toBe(true);
    expect(matches({ path: any, hosts: ['example.com', '*.example.org'] }, '/')).toBe(false);
  });

  it('matches methods and headers, all that are given', () => {
    expect(matches({ path: any, methods: ['GET', 'POST'] }, '/')).toBe(true);
    expect(matches({ path: any, methods: ['GET'] }, '/')).toBe(false);
    const headers = { 'X-Tier': { exact: 'gold' }, 'x-debug': { present: false } };
    expect(matches({ path: any, headers }, '/', [['x-tier', 'gold']])).toBe(true);
    expect(
      matches({ path: any, headers }, '/', [
        ['x-tier', 'gold'],
        ['x-debug', '1'],
      ]),
    ).toBe(false);
    expect(matches({ path: any, headers: { 'x-tier': { regex: '^(gold|silver)$' } } }, '/', [['x-tier', 'tin']])).toBe(
      false,
    );
    expect(matches({ path: any, headers: { 'x-tier': { prefix: 'go' } } }, '/', [['x-tier', 'gold']])).toBe(true);
  });

  it('matches an expression in linear time that would run away in other engines', () => {
    expect(matches({ path: { regex: '^(/a*)*$' } }, `/${'a'.repeat(50_000)}!`)).toBe(false);
  });
});

it('leads to clusters whose shards speak HTTP, and to no others', () => {
  const routeTo = (protocol: string): (() => RoutingSnapshot) => {
    const owners = new ClusterOwners({ name: 'docs', upstream: { protocol }, table: null }, null, () => {
      throw new Error('nobody owns anything');
    });
    const route = { match: { path: { prefix: '/' } }, cluster: 'docs', shardKey: [{ header: 'x-shard-key' }] };
    return () => RoutingSnapshot.empty.by({ routes: [route] }, new RouterCounters(), () => owners);
  };
  for (const protocol of ['http2', 'http1', 'auto']) expect(routeTo(protocol)).not.toThrow();
  expect(routeTo('echo')).toThrow('a route of HTTP leads to the cluster docs, whose shards speak echo');
});

describe('a shard key', () => {
  const keyOf = (sources: readonly ShardKeySource[], path: string, more: Headers = []): string => {
    const extracted = new ShardKeyRule(sources).extract({ ...request(path, more), clientAddress: '10.1.2.3' });
    return 'key' in extracted ? extracted.key : `none: ${extracted.missing}`;
  };

  it('is extracted from a header by a pattern: the project of project/document', () => {
    const source = { header: 'x-shard-key', pattern: '^([^/]+)/' };
    expect(keyOf([source], '/', [['x-shard-key', 'demo/hello']])).toBe('demo');
    expect(keyOf([source], '/', [['x-shard-key', 'demo']])).toBe(
      'none: the shard key header x-shard-key does not match ^([^/]+)/',
    );
  });

  it('comes from the path, the query, a cookie or the client', () => {
    expect(keyOf([{ path: '^/docs/([^/]+)' }], '/docs/a%20b/c?x=/docs/z')).toBe('a%20b');
    expect(keyOf([{ query: 'doc' }], '/x?a=1&doc=a%2Fb&d=c')).toBe('a%2Fb');
    expect(keyOf([{ query: 'doc', decoded: true }], '/x?a=1&d%6Fc=a%2Fb+c')).toBe('a/b c');
    const crumbs: Headers = [
      ['cookie', 'a=1; sid=s7'],
      ['cookie', 'b=2'],
    ];
    expect(keyOf([{ cookie: 'sid' }], '/', crumbs)).toBe('s7');
    expect(keyOf([{ cookie: 'b' }], '/', crumbs)).toBe('2');
    expect(keyOf([{ clientAddress: true }], '/')).toBe('10.1.2.3');
  });

  it('comes from the first of several that has one, and else names them all', () => {
    const sources: ShardKeySource[] = [{ header: 'x-a' }, { query: 'b' }];
    expect(keyOf(sources, '/?b=two', [['x-a', 'one']])).toBe('one');
    expect(keyOf(sources, '/?b=two')).toBe('two');
    expect(keyOf(sources, '/', [['x-a', '']])).toBe(
      'none: the shard key header x-a is empty; the query parameter b is missing',
    );
    expect(keyOf([...sources, { value: 'auth-session' }], '/')).toBe('auth-session');
  });

  it('is the same however the path that it comes from is spelt', () => {
    for (const path of ['/docs/it%27s/x', '/./docs/it%27s', '/docs/./%69t%27s?a', '/x/../docs/it%27s'])
      expect(keyOf([{ path: '^/docs/([^/]+)' }], path)).toBe("it's");
  });

  it('is refused where there are two of which the shard might take the other', () => {
    const twice: Headers = [
      ['x-a', '1'],
      ['x-a', '2'],
      ['cookie', 'sid=1; sid="1"; other=1'],
      ['cookie', 'other=2'],
    ];
    expect(keyOf([{ header: 'x-a', pattern: '.' }], '/', twice)).toContain('appears more than once');
    expect(keyOf([{ query: 'd' }], '/?d=1&d=2')).toContain('appears more than once');
    expect(keyOf([{ query: 'd' }], '/?d=1&%64=%31')).toBe('1');
    expect(keyOf([{ cookie: 'other' }], '/', twice)).toContain('appears more than once');
    expect(keyOf([{ cookie: 'sid' }], '/', twice)).toBe('1');
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { RouterUnderTest } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { Hop } from './hop.ts';
import type { Version } from './message.ts';
import { Shard } from './peers.ts';
import { rules } from './rules/index.ts';

const whole = new Scope();
let router: RouterUnderTest;
let shards: Readonly<Record<Version, Shard>>;

const route = (match: object, cluster: Version, more: object = {}): object => ({
  match,
  cluster,
  shardKey: { value: 'k' },
  ...more,
});
const routesTo = (version: Version): object[] => [
  route({ prefix: `/${version}/keyed` }, version, { shardKey: { header: 'x-shard-key' } }),
  route({ prefix: `/hosted/${version}`, hosts: ['docs.example'] }, version),
  route({ prefix: `/${version}/web.S/` }, version, { grpcWeb: 'translate' }),
  route({ regex: '^[*]', headers: { 'x-to': { exact: version } } }, version),
  route({ prefix: `/${version}/` }, version),
];
const cluster = (version: Version, port: number): object => ({
  upstream: { protocol: version === 'h1' ? 'http1' : 'http2' },
  shards: [{ id: version, address: `127.0.0.1:${port}` }],
});

beforeAll(async () => {
  shards = { h1: await Shard.listen(whole, 'h1'), h2: await Shard.listen(whole, 'h2') };
  const config = whole.file(
    'keyway.yaml',
    stringify({
      listen: [{ address: '127.0.0.1:0' }],
      routes: [...routesTo('h1'), ...routesTo('h2')],
      clusters: { h1: cluster('h1', shards.h1.port), h2: cluster('h2', shards.h2.port) },
    }),
  );
  const process = whole.keyway(['router', '--config', config]);
  const [, port] = await process.printed(/listening on 127\.0\.0\.1:(\d+)/);
  router = { process, port: Number(port), endpoint: `127.0.0.1:${port}`, admin: '', config };
});
afterAll(() => whole.release());

it('holds the rules that the docs list, and no others', () => {
  const text = readFileSync(new URL('../../docs/intermediary.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| .* \| `([^`]+)` \|$/gm)].map(([, test]) => test ?? '');
  const named = rows.filter((test) => !test.includes('/'));
  expect([...new Set(named)].sort()).toEqual(rules.map(({ id }) => id).sort());
  expect(rows.length).toBe([...text.matchAll(/^\| (?!rule \||---)/gm)].length);
  for (const file of rows.filter((test) => test.includes('/')))
    expect([file, existsSync(new URL(`../../${file}`, import.meta.url))]).toEqual([file, true]);
});

describe.each(rules.map((rule) => [rule.id, rule] as const))('%s', (_id, { ways, holds }) => {
  it.each(ways)('%s', async (way) => {
    const scope = new Scope();
    try {
      await holds(new Hop(way, router, shards, scope));
    } finally {
      await scope.release();
    }
  });
});

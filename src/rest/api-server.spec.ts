import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterEach, expect, it, vi } from 'vitest';
import { FakeRedis } from '../../test/redis/fake-redis.ts';
import { TestAuthority } from '../../test/support/certificates.ts';
import { Scope } from '../../test/support/processes.ts';
import { PATIENCE } from '../../test/support/registries.ts';
import { type Answered, CLUSTER, NODES, type RestApi, serveApi, storeCluster } from '../../test/support/rest-api.ts';
import type { ShownCertificate } from '../admin/index.ts';
import { MadeClusters, StoredQueue } from '../controller/index.ts';
import { changed } from '../controller/migration/migration.ts';
import { bulkReply } from '../resp/index.ts';
import { checkTopology } from '../topology/index.ts';

const scope = new Scope();
afterEach(() => scope.release());

const TOKEN = 'a-token-of-some-length';
const [A, B, C] = NODES;
const ONE = '/api/v1/namespaces/default/clusters/cache';

const serve = (...access: readonly [token?: string | null, tls?: ShownCertificate]): Promise<RestApi> =>
  serveApi(scope, ...access);

const refused = (status: number, message: string): Answered => ({ status, json: { error: { message } } });

it('makes, lists and deletes namespaces', async () => {
  const { ask } = await serve();
  const path = '/api/v1/namespaces';
  expect(await ask('POST', path, { namespace: 'shop' })).toEqual({
    status: 201,
    json: { data: { namespace: 'shop' } },
  });
  expect(await ask('POST', path, { namespace: 'shop' })).toEqual(refused(409, 'already exists'));
  expect(await ask('GET', path)).toEqual({ status: 200, json: { data: { namespaces: ['default', 'shop'] } } });
  expect(await ask('GET', `${path}/shop`)).toEqual({ status: 200, json: { data: null } });
  expect(await ask('GET', `${path}/shop/clusters`)).toEqual({ status: 200, json: { data: { clusters: [] } } });
  expect(await ask('DELETE', `${path}/shop`)).toEqual({ status: 204, json: null });
  expect(await ask('GET', `${path}/shop`)).toEqual(refused(404, 'not found'));
  expect(await ask('DELETE', `${path}/shop`)).toEqual(refused(404, 'not found'));
  expect((await ask('DELETE', `${path}/default`)).status).toBe(403);
  expect(await ask('GET', `${path}/shop/clusters`)).toEqual(refused(400, 'namespace not found'));
});

it('shows a cluster as clients of kvrocks-controller read it', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  const node = { password: '', created_at: 0 };
  const still = { migrating_slot: null, target_shard_index: -1 };
  const [a, b, c] = [
    { ...node, id: A, addr: '127.0.0.1:1', role: 'master' },
    { ...node, id: B, addr: '127.0.0.1:2', role: 'slave' },
    { ...node, id: C, addr: '127.0.0.1:3', role: 'master' },
  ];
  const s0 = { ...still, id: 's0', nodes: [a, b], slot_ranges: ['0-8191'] };
  const s1 = { ...still, id: 's1', nodes: [c], slot_ranges: ['8192-16383'] };
  const cluster = { name: 'cache', version: 1, shards: [s0, s1] };
  expect(await ask('GET', ONE)).toEqual({ status: 200, json: { data: { cluster } } });
  expect(await ask('GET', `${ONE}/shards`)).toEqual({ status: 200, json: { data: { shards: [s0, s1] } } });
  expect(await ask('GET', `${ONE}/shards/1`)).toEqual({ status: 200, json: { data: { shard: s1 } } });
  expect(await ask('GET', `${ONE}/shards/0/nodes`)).toEqual({ status: 200, json: { data: { nodes: [a, b] } } });
  expect(await ask('GET', `${ONE}/shards/2`)).toEqual(refused(400, 'index out of range'));
  expect(await ask('GET', `${ONE}/shard`)).toEqual(refused(404, 'not found'));
  expect((await ask('GET', '/api/v1/namespaces/default/clusters/other')).status).toBe(404);
});

it('queues migrations, also as kvctl asks for them, and shows them', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  const path = `${ONE}/migrate`;
  const asked = await ask('POST', path, { slot: '5-9', target: 1, slotOnly: 'false' });
  expect(asked).toMatchObject({
    status: 200,
    json: { data: { cluster: { shards: [{ migrating_slot: '5-9', target_shard_index: 1 }, {}] } } },
  });
  expect((await ask('POST', path, { slot: 8192, target: 0, slotOnly: 'true' })).status).toBe(200);
  const { migrations } = await new StoredQueue(registry, CLUSTER).read();
  expect(migrations.map(({ from, to, left, withData }) => [from, to, left, withData])).toEqual([
    ['s0', 's1', [[5, 9]], true],
    ['s1', 's0', [[8192, 8192]], false],
  ]);
  expect((await ask('POST', path, { slot: '7', target: 1 })).status).toBe(409);
  expect((await ask('POST', path, { slot: '7', target: 2 })).status).toBe(400);
  expect((await ask('POST', path, { slot: '7', target: 0 })).status).toBe(400);
  expect((await ask('POST', path, { slot: '16384', target: 0 })).status).toBe(400);
});

it('refuses what would break a cluster, and says why', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  expect((await ask('DELETE', `${ONE}/shards/0`)).json).toMatchObject({
    error: { message: expect.stringMatching(/servicing/) },
  });
  expect((await ask('DELETE', `${ONE}/shards/0/nodes/${A}`)).json).toMatchObject({
    error: { message: expect.stringMatching(/master/) },
  });
  expect((await ask('DELETE', `${ONE}/shards/0/nodes/${C}`)).status).toBe(404);
  expect((await ask('POST', `${ONE}/shards/0/nodes`, { addr: 'd:1', role: 'master' })).status).toBe(409);
  expect((await ask('POST', `${ONE}/shards/0/nodes`, { addr: '127.0.0.1:3' })).status).toBe(409);
  expect((await ask('POST', `${ONE}/shards`, { nodes: ['127.0.0.1:3'] })).status).toBe(409);
  const clusters = '/api/v1/namespaces/default/clusters';
  expect((await ask('POST', clusters, { name: 'new', nodes: ['127.0.0.1:3'] })).status).toBe(409);
  expect((await ask('POST', clusters, { name: 'cache', nodes: ['d:1'] })).status).toBe(409);
  expect((await ask('POST', clusters, { name: 'new', nodes: ['d:1', 'e:1', 'f:1'], replicas: 2 })).status).toBe(400);
  expect((await ask('POST', clusters, { name: 'new', nodes: ['d:1'], password: 'secret' })).json).toMatchObject({
    error: { message: expect.stringMatching(/^the password is not the one of the controllers/) },
  });
  expect((await ask('POST', `${clusters}/new/import`, { nodes: ['127.0.0.1:1'] })).status).toBe(502);
});

it('refuses a node that is one of the cluster already by another address, and shows the cluster still', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  const fake = await FakeRedis.start(scope, A);
  fake.instead = ([name, what]) =>
    name === 'CLUSTER' ? bulkReply(what === 'MYID' ? A : `${A} a:1@2 myself,master`) : undefined;
  const asked = await ask('POST', `${ONE}/shards/0/nodes`, { addr: `localhost:${fake.port}` });
  expect(asked).toEqual(refused(409, `localhost:${fake.port} is a node of the cluster already`));
  expect((await ask('GET', ONE)).status).toBe(200);
});

it('deletes a cluster with what was queued for it, and not one that the config names', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  await ask('POST', `${ONE}/migrate`, { slot: 1, target: 1 });
  expect(await ask('DELETE', ONE)).toEqual({ status: 204, json: null });
  expect((await ask('GET', ONE)).status).toBe(404);
  expect((await new StoredQueue(registry, CLUSTER).read()).migrations).toEqual([]);
  await registry.topologies.commit(
    checkTopology(
      {
        namespace: 'default',
        cluster: 'named',
        placement: { slots: {} },
        shards: [{ id: 's0', address: '127.0.0.1:1', slots: '0-16383' }],
      },
      'the test',
    ),
  );
  expect((await ask('DELETE', '/api/v1/namespaces/default/clusters/named')).status).toBe(403);
});

it('deletes no cluster whose slots are on their way, and forgets nothing of them', async () => {
  const { ask, registry } = await serve();
  await storeCluster(registry);
  await ask('POST', `${ONE}/migrate`, { slot: '1-2', target: 1 });
  const queue = new StoredQueue(registry, CLUSTER);
  const open = { moving: [[1, 1]], settling: [], run: 'r' } as const;
  await queue.change((now) => changed(now, 1, (each) => ({ ...each, open })), null);
  expect(await ask('DELETE', ONE)).toMatchObject({
    status: 409,
    json: { error: { message: expect.stringMatching(/^slots are on their way/) } },
  });
  expect((await queue.read()).migrations).toMatchObject([{ open: { moving: [[1, 1]] } }]);
  expect((await ask('GET', ONE)).status).toBe(200);
});

it('leads nothing that was no whole cluster, and deletes what was not made to the end', async () => {
  const { ask, registry } = await serve();
  const fake = await FakeRedis.start(scope, A);
  fake.instead = ([name]) =>
    name === 'CLUSTER' ? bulkReply(`${A} 127.0.0.1:${fake.port}@1 myself,master - 0 0 1 connected 0-100`) : undefined;
  const clusters = '/api/v1/namespaces/default/clusters';
  const asked = await ask('POST', `${clusters}/new/import`, { nodes: [`127.0.0.1:${fake.port}`] });
  expect(asked).toMatchObject({ status: 400, json: { error: { message: expect.stringMatching(/slot/) } } });
  expect(await registry.documents.list('led/')).toEqual([]);
  await new MadeClusters(registry).add({ namespace: 'default', cluster: 'half' }, 'redis', [A]);
  expect((await ask('DELETE', `${clusters}/half`)).status).toBe(204);
  expect(await registry.documents.list('led/')).toEqual([]);
  expect((await ask('DELETE', `${clusters}/half`)).status).toBe(404);
});

it('sends the password of the config to no node that it does not name, unless a request knows it', async () => {
  const { ask, registry } = await serveApi(scope, null, null, { username: 'default', password: 'hunter2' });
  await storeCluster(registry);
  const fake = await FakeRedis.start(scope, A);
  const address = `127.0.0.1:${fake.port}`;
  const clusters = '/api/v1/namespaces/default/clusters';
  const all = [
    [`${clusters}/new/import`, { nodes: [address] }],
    [clusters, { name: 'new', nodes: [address] }],
    [`${ONE}/shards`, { nodes: [address] }],
    [`${ONE}/shards/0/nodes`, { addr: address }],
  ] as const;
  for (const [path, body] of all)
    expect(await ask('POST', path, body), path).toEqual(
      refused(400, `${address} is no node of a cluster yet: give the password of the nodes`),
    );
  expect(fake.told).toEqual([]);
  expect((await ask('POST', `${clusters}/new/import`, { nodes: [address], password: 'hunter2' })).status).toBe(502);
  expect(fake.told[0]?.words).toEqual(['AUTH', 'hunter2']);
});

it('has no shard join for a client that has gone', async () => {
  const { port, registry } = await serve();
  await storeCluster(registry);
  const queue = new StoredQueue(registry, CLUSTER);
  const leaving = new AbortController();
  const body = JSON.stringify({ nodes: ['127.0.0.1:4'] });
  const url = `http://127.0.0.1:${port}${ONE}/shards`;
  const asked = fetch(url, { method: 'POST', body, signal: leaving.signal }).catch(() => {});
  await vi.waitFor(async () => expect((await queue.read()).steps).toHaveLength(1), PATIENCE);
  leaving.abort();
  await asked;
  await vi.waitFor(async () => expect((await queue.read()).steps).toEqual([]), { ...PATIENCE, timeout: 20_000 });
});

it('refuses bodies that are not as they have to be, or too large, and goes on', async () => {
  const { ask } = await serve();
  const path = '/api/v1/namespaces';
  expect(await ask('POST', path, '{"namespace"')).toEqual(refused(400, 'the content is not JSON'));
  for (const body of ['', '[]', '7', '{"namespace": 7}', '{"namespace": "a/b"}', '{"namespace": "a", "more": 1}'])
    expect((await ask('POST', path, body)).status, body).toBe(400);
  expect((await ask('POST', path, { namespace: 'x'.repeat(300_000) })).status).toBe(413);
  expect((await ask('PUT', path, {})).status).toBe(405);
  expect((await ask('GET', '/api/v1/namespaces/a%2Fb')).status).toBe(400);
  expect((await ask('GET', path)).status).toBe(200);
});

it('asks for the token, as a bearer or as a password, before it reads anything', async () => {
  const { ask } = await serve(TOKEN);
  const path = '/api/v1/namespaces';
  const basic = (password: string): string => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
  expect((await ask('POST', path, 'x'.repeat(300_000))).status).toBe(401);
  expect((await ask('GET', '/openapi.json')).status).toBe(401);
  for (const authorization of ['Bearer other', basic('other'), 'Basic !', 'Basic'])
    expect((await ask('GET', path, undefined, { authorization })).status, authorization).toBe(401);
  for (const authorization of [`Bearer ${TOKEN}`, basic(TOKEN)])
    expect((await ask('GET', path, undefined, { authorization })).status, authorization).toBe(200);
});

it('refuses what a page of another site asks for', async () => {
  const { ask } = await serve();
  const asked = await ask('POST', '/api/v1/namespaces', { namespace: 'a' }, { origin: 'http://evil.example' });
  expect(asked).toEqual(refused(403, 'pages of other origins may not use this address'));
});

it('serves by TLS', async () => {
  const authority = new TestAuthority(scope.folder());
  const { certificate, key } = authority.issue('DNS:localhost');
  const { port } = await serve(null, { cert: readFileSync(certificate), key: readFileSync(key) });
  const status = await new Promise((resolve, reject) => {
    const options = { ca: readFileSync(authority.certificate), servername: 'localhost' };
    request(`https://127.0.0.1:${port}/api/v1/namespaces`, options, (answer) => resolve(answer.statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
});

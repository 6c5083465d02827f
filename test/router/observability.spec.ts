import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  eventually,
  fetchText,
  metric,
  type RouterSetup,
  type RouterUnderTest,
  startRouter,
} from '../support/cluster.ts';
import { type HttpBackend, type SeenRequest, startHttpBackend } from '../support/http-backend.ts';
import { overHttp1, overHttp2 } from '../support/http-client.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';

const scope = new Scope();
let backends: HttpBackend[];
afterEach(() => scope.release());

async function start(config: object = {}, more: Partial<RouterSetup> = {}): Promise<RouterUnderTest> {
  backends = await Promise.all(['s0', 's1', 's2'].map((name) => startHttpBackend(scope, name, 'http2')));
  return startRouter(scope, { shards: backends.map(({ port }) => port), config, ...more });
}

const asked = async (router: RouterUnderTest, path: string): Promise<unknown> =>
  JSON.parse((await fetchText(`${router.admin}${path}`)).text);

describe.each([1, 2])('the admin address of a router with %i workers', (workers) => {
  it('counts by route and by shard, all workers summed', async () => {
    const routes = [
      { name: 'bytes', match: { prefix: '/bytes/' }, cluster: 'docs' },
      { match: { prefix: '/' }, cluster: 'docs' },
    ];
    const router = await start({}, { workers, routes });
    for (let i = 0; i < 20; i++)
      await overHttp1(router, '/bytes/10', { agent: false, headers: { 'x-shard-key': `k${i}` } });
    await overHttp1(router, '/echo', { method: 'POST' }, 'hello');
    await overHttp1(router, '/?status=500');
    await overHttp2(scope, router, { ':path': '/x', 'x-shard-key': '', 'content-type': 'application/grpc' }, 'x');
    expect(await metric(router, 'keyway_requests_total{route="bytes"}')).toBe(20);
    expect(await metric(router, 'keyway_response_bytes_total{route="bytes"}')).toBe(200);
    expect(await metric(router, 'keyway_request_seconds_count{route="bytes"}')).toBe(20);
    expect(await metric(router, 'keyway_responses_total{route="/",class="5xx"}')).toBe(1);
    expect(await metric(router, 'keyway_request_bytes_total{route="/"}')).toBe(5);
    expect(await metric(router, 'keyway_grpc_responses_total{route="/",status="INVALID_ARGUMENT"}')).toBe(1);
    expect(await metric(router, 'keyway_shard_requests_total')).toBe(22);
    expect(await metric(router, 'keyway_shard_response_bytes_total')).toBeGreaterThan(205);
    const perShard = ['s0', 's1', 's2'].map((shard) =>
      metric(router, `keyway_shard_request_seconds_count{shard="${shard}"}`),
    );
    expect((await Promise.all(perShard)).filter((count) => count > 0).length).toBeGreaterThan(1);
  });

  it('counts the process once, whatever number of threads it has, and looks at each thread', async () => {
    const router = await start({}, { workers });
    await overHttp1(router, '/');
    const { text } = await fetchText(`${router.admin}/metrics`);
    const samples = [...text.matchAll(/^(process_\w+|keyway_build_info)(?:\{(.*)\})? (\S+)$/gm)];
    const values = Object.fromEntries(samples.map(([, name, , value]) => [name, Number(value)]));
    expect(samples).toHaveLength(Object.keys(values).length);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(text).toContain(`keyway_build_info{version="${version}",node="${process.versions.node}"} 1\n`);
    const { process_cpu_user_seconds_total: user = 0, process_cpu_system_seconds_total: system = 0 } = values;
    expect(values.process_cpu_seconds_total).toBeCloseTo(user + system);
    expect(values.process_resident_memory_bytes).toBeGreaterThan(10e6);
    expect(values.process_start_time_seconds).toBeLessThan(Date.now() / 1000);
    const limits = readFileSync(`/proc/${router.process.pid}/limits`, 'utf8');
    expect(String(values.process_max_fds)).toBe(/Max open files +(\S+)/.exec(limits)?.[1]);
    expect(values.process_open_fds).toBeGreaterThan(5);
    const threads = workers === 1 ? ['main'] : ['main', 'worker-1', 'worker-2'];
    for (const name of [
      'keyway_thread_busy_seconds_total',
      'nodejs_heap_size_used_bytes',
      'nodejs_eventloop_lag_seconds',
      'nodejs_eventloop_lag_max_seconds',
    ])
      expect([...text.matchAll(new RegExp(`^${name}\\{thread="(.*)"\\} `, 'gm'))].map(([, thread]) => thread)).toEqual(
        threads,
      );
  });

  it('shows clusters, streams, keys and the config', async () => {
    const router = await start(
      {},
      {
        workers,
        routes: [
          { match: { prefix: '/' }, cluster: 'docs', headers: { request: { set: { authorization: 'secret' } } } },
          { match: { prefix: '/', headers: { authorization: { exact: 'Bearer secret' } } }, cluster: 'docs' },
        ],
      },
    );
    const watch = await RawHttp1.connect(scope, router.port);
    watch.write('GET /hang HTTP/1.1\r\nHost: h\r\nx-shard-key: project/document\r\n\r\n');
    await watch.reads(/first/);
    const [owner] = (await asked(router, '/explain?key=project/document')) as [Record<string, string>];
    expect(owner).toMatchObject({ cluster: 'docs', key: 'project/document', hash: expect.stringMatching(/^\d+$/) });
    const streams = (await asked(router, '/streams')) as Array<Record<string, unknown>>;
    expect(streams).toMatchObject([
      {
        key: 'project/document',
        cluster: 'docs',
        shard: owner.shard,
        route: '/',
        client: '127.0.0.1',
        protocol: 'http',
        ageMs: expect.any(Number),
        requestBytes: 0,
        responseBytes: 5,
      },
    ]);
    expect(await asked(router, '/streams?key=other')).toEqual([]);
    expect(await asked(router, '/streams?key=project/document')).toHaveLength(1);
    const [cluster] = (await asked(router, '/clusters')) as [{ name: string; shards: Array<Record<string, unknown>> }];
    expect(cluster.shards.map(({ id }) => id)).toEqual(['s0', 's1', 's2']);
    expect(cluster.shards.find(({ id }) => id === owner.shard)).toMatchObject({
      requests: 1,
      streams: 1,
      unhealthy: false,
    });
    expect(await asked(router, '/topology')).toMatchObject([{ name: 'docs', hashOn: 'address' }]);
    const config = (await fetchText(`${router.admin}/config`)).text;
    expect(JSON.parse(config)).toMatchObject({ workers, clusters: { docs: { hashOn: 'address' } } });
    expect(config).not.toContain('secret');
    expect((await fetchText(`${router.admin}/explain`)).status).toBe(400);
    expect((await fetchText(`${router.admin}/streams?limit=x`)).status).toBe(400);
    expect((await fetchText(`${router.admin}/nothing`)).status).toBe(404);
  });
});

it('hides keys that grant access to their bearer', async () => {
  const path = join(scope.folder(), 'access.log');
  const routes = [{ match: { prefix: '/' }, cluster: 'docs', shardKey: { cookie: 'session' } }];
  const router = await start({ accessLog: { path } }, { routes });
  const watch = await RawHttp1.connect(scope, router.port);
  watch.write('GET /hang HTTP/1.1\r\nHost: h\r\nCookie: session=s3cr3t\r\n\r\n');
  await watch.reads(/first/);
  const [stream] = (await asked(router, '/streams')) as [{ key: string }];
  expect(stream.key).toMatch(/^sha256:[0-9a-f]{16}$/);
  expect(await asked(router, '/streams?key=s3cr3t')).toHaveLength(1);
  expect(await asked(router, `/streams?key=${stream.key}`)).toHaveLength(1);
  expect(await asked(router, '/streams?key=another')).toEqual([]);
  await overHttp1(router, '/', { headers: { cookie: 'session=s3cr3t' } });
  await router.process.end();
  const log = readFileSync(path, 'utf8');
  expect(log).toContain(stream.key);
  expect(log + router.process.output).not.toContain('s3cr3t');
});

it('requires a token for what it shows of requests, and none for probes', async () => {
  const [port] = (await freePorts(1)) as [number];
  const token = scope.file('token', 'a-token-of-some-length\n');
  const [backend] = await Promise.all([startHttpBackend(scope, 's0', 'http2')]);
  const text = `listen: [{address: 127.0.0.1:0}]
admin: {address: '0.0.0.0:${port}', tokenFile: ${token}}
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {shards: [{id: s0, address: 127.0.0.1:${backend?.port}}]}}
`;
  const process = scope.keyway(['router', '--config', scope.file('keyway.yaml', text)]);
  await process.printed(/listening/);
  const statusOf = async (path: string, authorization?: string): Promise<number> => {
    const request = get({ port, path, headers: authorization === undefined ? {} : { authorization } });
    const [response] = await once(request, 'response');
    response.resume();
    return response.statusCode;
  };
  expect(await statusOf('/healthz')).toBe(200);
  expect(await statusOf('/readyz')).toBe(200);
  for (const path of ['/metrics', '/streams', '/config', '/clusters', '/topology', '/explain?key=k']) {
    expect(await statusOf(path)).toBe(401);
    expect(await statusOf(path, 'Bearer a-token-of-other-len')).toBe(401);
    expect(await statusOf(path, 'Bearer a-token-of-some-length')).toBe(200);
  }
  const open = text.replace(/, tokenFile: [^}]*/, '');
  const refused = scope.keyway(['router', '--check', '--config', scope.file('keyway.yaml', open)]);
  expect(await refused.exit()).not.toBe(0);
  expect(refused.output).toMatch(/admin\.address: 0\.0\.0\.0 can be reached from outside: give a tokenFile/);
});

describe('the access log', () => {
  it('has a line of JSON for each request that has ended, refused ones as well, and no query', async () => {
    const path = join(scope.folder(), 'access.log');
    const router = await start({ accessLog: { path } });
    await overHttp1(router, '/echo?secret=1', { method: 'POST', headers: { 'x-request-id': 'r1' } }, 'hello');
    await overHttp1(router, '/', { headers: { 'x-shard-key': '' } });
    await overHttp2(scope, router, { ':path': '/x', 'content-type': 'application/grpc' }, 'x');
    await router.process.end();
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(3);
    const [echo, refused, grpc] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(echo).toMatchObject({
      client: '127.0.0.1',
      version: '1.1',
      protocol: 'http',
      method: 'POST',
      path: '/echo',
      route: '/',
      cluster: 'docs',
      key: 'k',
      requestId: 'r1',
      status: 200,
      grpcStatus: null,
      refusal: '',
      requestBytes: 5,
      responseBytes: 5,
    });
    expect(echo?.time).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(echo?.shard).toMatch(/^s[012]$/);
    expect(refused).toMatchObject({ status: 400, refusal: 'no_shard_key', shard: '' });
    expect(grpc).toMatchObject({ version: '2', protocol: 'grpc', status: 200 });
  });

  it('has the form that the config gives, and as large a share as it says', async () => {
    const path = join(scope.folder(), 'access.log');
    const router = await start({ accessLog: { path, format: '{method} {path} {status} {shard} {grpcStatus}' } });
    await overHttp1(router, '/bytes/1');
    await router.process.end();
    expect(readFileSync(path, 'utf8')).toMatch(/^GET \/bytes\/1 200 s[012] -\n$/);
    const none = join(scope.folder(), 'access.log');
    const silent = await start({ accessLog: { path: none, sample: 0 } });
    await overHttp1(silent, '/');
    await silent.process.end();
    expect(readFileSync(none, 'utf8')).toBe('');
  });
});

it('logs what happens to shards as JSON lines', async () => {
  const [port] = (await freePorts(1)) as [number];
  const router = await startRouter(scope, { shards: [port] });
  await overHttp1(router, '/');
  await startHttpBackend(scope, 's0', 'http2', port);
  await eventually(async () => (await overHttp1(router, '/')).status === 200);
  const lines = router.process.output.split('\n').filter((line) => line.startsWith('{'));
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  // What the machine allows stands before all else where it is less than the config asks for.
  const ofShards = events.filter(({ openFiles }) => openFiles === undefined);
  expect(ofShards).toMatchObject([
    { msg: 'routing' },
    { msg: 'the shard cannot be reached', cluster: 'docs', shard: 's0', reason: 'ECONNREFUSED' },
    { msg: 'the shard can be reached again', shard: 's0' },
  ]);
});

it('sends spans by OTLP for requests that are traced, and is their shards’ parent', async () => {
  const bodies: string[] = [];
  const collector = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    bodies.push(text);
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  scope.defer(() => collector.close());
  const { port } = collector.address() as { port: number };
  const router = await start({ tracing: { otlp: `http://127.0.0.1:${port}/v1/traces`, sample: 0 } });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const traced = `00-${traceId}-b7ad6b7169203331-01`;
  const seen = async (traceparent?: string): Promise<string | undefined> => {
    const headers = traceparent === undefined ? {} : { traceparent };
    return (JSON.parse((await overHttp1(router, '/', { headers })).text) as SeenRequest).headers.traceparent;
  };
  const passed = await seen(traced);
  expect(passed).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  expect(passed).not.toBe(traced);
  const untraced = traced.replace(/01$/, '00');
  expect(await seen(untraced)).toBe(untraced);
  expect(await seen()).toBeUndefined();
  await router.process.end();
  const spans = bodies.flatMap((body) =>
    (JSON.parse(body) as { resourceSpans: Array<{ scopeSpans: Array<{ spans: object[] }> }> }).resourceSpans.flatMap(
      ({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans),
    ),
  );
  expect(spans).toHaveLength(1);
  expect(spans[0]).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', spanId: passed?.split('-')[2] });
});

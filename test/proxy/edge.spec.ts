import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, metric, type RouterUnderTest } from '../support/cluster.ts';
import { type HttpBackend, type SeenRequest, startHttpBackend } from '../support/http-backend.ts';
import { overHttp1, overHttp2 } from '../support/http-client.ts';
import { Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
let backend: HttpBackend;
afterEach(() => scope.release());

async function start(route: object, more: object = {}): Promise<RouterUnderTest> {
  backend = await startHttpBackend(scope, 's0', 'http2');
  const routes = [{ match: { prefix: '/' }, cluster: 'docs', ...route }];
  return shared.configured({ shards: [backend.port], routes, ...more });
}

const seenBy = async (router: RouterUnderTest, headers: Record<string, string>): Promise<SeenRequest['headers']> =>
  (JSON.parse((await overHttp1(router, '/', { headers })).text) as SeenRequest).headers;

describe('where a request comes from', () => {
  const forged = {
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil',
    'x-real-ip': '6.6.6.6',
    forwarded: 'for=6.6.6.6',
    'x-keyway-version': '7',
  };

  it('is what the connection says, and nothing that a client claims', async () => {
    const seen = await seenBy(await start({}), forged);
    expect(seen).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
    for (const name of ['x-forwarded-host', 'x-real-ip', 'forwarded', 'x-keyway-version'])
      expect(seen).not.toHaveProperty(name);
  });

  it('is what the trusted proxies in front say, and nothing from before them', async () => {
    const router = await start({}, { config: { trustedHops: 2 } });
    const seen = await seenBy(router, { ...forged, 'x-forwarded-for': '6.6.6.6, 10.0.0.1, 10.0.0.2' });
    expect(seen).toMatchObject({
      'x-forwarded-for': '10.0.0.1, 10.0.0.2, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil',
    });
    expect(seen).not.toHaveProperty('x-keyway-version');
  });

  it('is the address that a key of clientAddress is made of', async () => {
    const backends = await Promise.all(['s0', 's1', 's2'].map((name) => startHttpBackend(scope, name, 'http2')));
    const router = await shared.configured({
      shards: backends.map(({ port }) => port),
      routes: [{ match: { prefix: '/' }, cluster: 'docs', shardKey: { clientAddress: true } }],
      config: { trustedHops: 1 },
    });
    const ownerOf = async (client: string): Promise<unknown> =>
      (await overHttp1(router, '/', { headers: { 'x-forwarded-for': `6.6.6.6, ${client}` } })).headers['x-backend'];
    const owners = await Promise.all(Array.from({ length: 12 }, (_, i) => ownerOf(`10.0.0.${i}`)));
    expect(new Set(owners).size).toBeGreaterThan(1);
    expect(await ownerOf('10.0.0.0')).toBe(owners[0]);
  });
});

describe('a request id', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  it('is made where it is missing, for each request, or never', async () => {
    const missing = await start({}, { config: { requestIds: 'missing' } });
    expect((await seenBy(missing, {}))['x-request-id']).toMatch(UUID);
    expect((await seenBy(missing, { 'x-request-id': 'mine' }))['x-request-id']).toBe('mine');
    const always = await start({}, { config: { requestIds: 'always' } });
    expect((await seenBy(always, { 'x-request-id': 'mine' }))['x-request-id']).toMatch(UUID);
    const never = await start({});
    expect((await seenBy(never, { 'x-request-id': 'mine' }))['x-request-id']).toBe('mine');
    expect(await seenBy(never, {})).not.toHaveProperty('x-request-id');
  });
});

it("passes W3C's trace context on", async () => {
  const context = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b' };
  expect(await seenBy(await start({}), context)).toMatchObject(context);
});

describe('a page of another origin', () => {
  const policy = {
    cors: {
      allowOrigins: [{ exact: 'https://a.example' }, { regex: '^https://[a-z]+[.]b[.]example$' }],
      allowMethods: ['POST'],
      allowHeaders: ['x-shard-key', 'content-type'],
      exposeHeaders: ['x-backend'],
      maxAge: '10m',
      allowCredentials: true,
    },
  };
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'x-shard-key': '' },
  });

  it('is answered its preflight, without a key and without a shard', async () => {
    const { status, headers } = await overHttp1(await start(policy), '/', preflight('https://a.example'));
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'x-shard-key,content-type',
      'access-control-max-age': '600',
      'access-control-allow-credentials': 'true',
      vary: 'origin',
    });
    expect(backend.requests).toEqual([]);
  });

  it('that is not allowed gets no permission', async () => {
    const router = await start(policy);
    expect((await overHttp1(router, '/', preflight('https://evil.example'))).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
    const answer = await overHttp1(router, '/', { headers: { origin: 'https://evil.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('may read answers, and refusals as well', async () => {
    const router = await start(policy);
    const allowed = {
      'access-control-allow-origin': 'https://x.b.example',
      'access-control-expose-headers': 'x-backend',
    };
    const headers = { origin: 'https://x.b.example' };
    expect((await overHttp1(router, '/', { headers })).headers).toMatchObject(allowed);
    const refused = await overHttp1(router, '/', { headers: { ...headers, 'x-shard-key': '' } });
    expect(refused.status).toBe(400);
    expect(refused.headers).toMatchObject(allowed);
  });
});

describe('limits of a route', () => {
  it('on the rate of a client or a key: 429, RESOURCE_EXHAUSTED', async () => {
    const router = await start({ rateLimit: { by: 'key', perSecond: 0.001, burst: 2 } });
    const statusOf = async (key: string): Promise<number> =>
      (await overHttp1(router, '/', { headers: { 'x-shard-key': key } })).status;
    expect([await statusOf('a'), await statusOf('a'), await statusOf('a')]).toEqual([200, 200, 429]);
    expect(await statusOf('b')).toBe(200);
    const grpc = await overHttp2(scope, router, { 'x-shard-key': 'a', 'content-type': 'application/grpc' }, 'x');
    expect(grpc.headers).toMatchObject({ 'grpc-status': '8', 'grpc-retry-pushback-ms': '1000' });
    expect(await metric(router, 'keyway_refusals_total{reason="rate_limited"}')).toBe(2);

    const byClient = await start({ rateLimit: { by: 'client', perSecond: 0.001, burst: 1 } });
    expect((await overHttp1(byClient, '/', { headers: { 'x-shard-key': 'a' } })).status).toBe(200);
    const second = await overHttp1(byClient, '/', { headers: { 'x-shard-key': 'b' } });
    expect(second.status).toBe(429);
    expect(second.headers['retry-after']).toBe('1');
  });

  it('on the bytes of a request, announced or not: 413, RESOURCE_EXHAUSTED', async () => {
    const router = await start({ maxRequestSize: '10B' });
    expect((await overHttp1(router, '/', { method: 'POST' }, 'x'.repeat(10))).status).toBe(200);
    expect((await overHttp1(router, '/', { method: 'POST' }, 'x'.repeat(11))).status).toBe(413);
    const chunked = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } };
    expect((await overHttp1(router, '/', chunked, 'x'.repeat(11))).status).toBe(413);
    const grpc = await overHttp2(scope, router, { 'content-type': 'application/grpc' }, 'x'.repeat(11));
    expect(grpc.headers['grpc-status']).toBe('8');
    const tooLong = await RawHttp1.connect(scope, router.port);
    tooLong.write('POST / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 1000000\r\n\r\n');
    expect(await tooLong.ends()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('on the time for which nothing moves on a stream', async () => {
    const router = await start({ idleStream: '1s' });
    const watch = await RawHttp1.connect(scope, router.port);
    watch.write('POST /echo HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nTransfer-Encoding: chunked\r\n\r\n');
    // What moves keeps it alive for longer than the limit.
    for (let i = 0; i < 8; i++) {
      watch.write(`1\r\n${i}\r\n`);
      await watch.reads(new RegExp(`1\\r\\n${i}\\r\\n`));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await watch.ends();
    expect(watch.text).toMatch(/^HTTP\/1\.1 200 /);
    const silent = await overHttp1(router, '/silent');
    expect(silent.status).toBe(504);
    expect(silent.text).toContain('nothing has moved on the stream for 1000 ms');
    const grpc = await overHttp2(scope, router, { ':path': '/silent', 'content-type': 'application/grpc' }, 'x');
    expect(grpc.headers['grpc-status']).toBe('4');
    expect(await metric(router, 'keyway_refusals_total{reason="idle_stream"}')).toBe(3);
  });

  it('on a missing key: a refusal, or the key that stands for it', async () => {
    const router = await start({ missing: { value: 'rest' } });
    expect((await overHttp2(scope, router, { 'x-shard-key': '' })).status).toBe(200);
    const inSource = await start({ shardKey: { header: 'x-other', missing: { value: 'rest' } } });
    expect((await overHttp2(scope, inSource, {})).status).toBe(200);
    expect((await overHttp2(scope, await start({ shardKey: { header: 'x-other' } }), {})).status).toBe(400);
  });
});

describe('an answer that has begun ends in the words of its protocol', () => {
  const startStreaming = async (contentType: string, content: Buffer): Promise<RouterUnderTest> => {
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'content-type': contentType });
      stream.write(content);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => server.close());
    const routes = [{ match: { prefix: '/' }, cluster: 'docs', timeout: '200ms' }];
    return shared.configured({ shards: [(server.address() as { port: number }).port], routes });
  };
  const message = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]);
  const call = (router: RouterUnderTest, contentType: string) =>
    overHttp1(router, '/s/M', { method: 'POST', headers: { 'content-type': contentType } }, 'x');

  it('Connect streams', async () => {
    const type = 'application/connect+json';
    const { text } = await call(await startStreaming(type, message), type);
    expect(text.slice(0, 7)).toBe(message.toString('latin1'));
    expect(text.charCodeAt(7)).toBe(2);
    expect(JSON.parse(text.slice(12))).toMatchObject({ error: { code: 'deadline_exceeded' } });
  });

  it('gRPC-Web, binary and text', async () => {
    const binary = 'application/grpc-web+proto';
    const { text } = await call(await startStreaming(binary, message), binary);
    expect(text.slice(7)).toMatch(/^\x80\0\0\0.grpc-status: 4\r\ngrpc-message: the deadline/s);
    const base64 = 'application/grpc-web-text+proto';
    const coded = Buffer.from(message.toString('base64'));
    const answer = await call(await startStreaming(base64, coded), base64);
    expect(Buffer.from(answer.text.slice(coded.length), 'base64').toString('latin1')).toMatch(/grpc-status: 4/);
  });

  it('but for one that stands in the midst of a message, which is cut off', async () => {
    const type = 'application/connect+json';
    await expect(call(await startStreaming(type, message.subarray(0, 6)), type)).rejects.toThrow(/aborted|ECONNRESET/);
  });
});

describe('retries', () => {
  /** A backend that fails so often before it succeeds. */
  const startFlaky = async (
    failures: number,
    fail: (stream: ServerHttp2Stream) => void,
  ): Promise<{ port: number; tries: () => number }> => {
    let tries = 0;
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        if (tries++ < failures) fail(stream);
        else {
          stream.respond({ ':status': 200 });
          stream.end(text);
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => server.close());
    return { port: (server.address() as { port: number }).port, tries: () => tries };
  };
  const route = (retries: object) => [{ match: { prefix: '/' }, cluster: 'docs', retries }];
  const unavailable = (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 503 });
    stream.end('no');
  };

  it('of what a route calls idempotent: its shard is asked again, up to the number of attempts', async () => {
    for (const fail of [unavailable, (stream: ServerHttp2Stream) => stream.session?.destroy()]) {
      const flaky = await startFlaky(2, fail);
      const routes = route({ attempts: 2, idempotent: true });
      const router = await shared.configured({ shards: [flaky.port], routes });
      expect(await overHttp1(router, '/', { method: 'PUT' }, 'content')).toMatchObject({
        status: 200,
        text: 'content',
      });
      expect(flaky.tries()).toBe(3);
      expect(await metric(router, 'keyway_retries_total')).toBe(2);
    }
  });

  it('end with the number of attempts, and come never for what a route does not call so', async () => {
    const always = await startFlaky(100, unavailable);
    const once1 = await shared.configured({ shards: [always.port], routes: route({ idempotent: true }) });
    expect((await overHttp1(once1, '/', { method: 'PUT' }, 'x')).status).toBe(503);
    expect(always.tries()).toBe(2);
    const never = await startFlaky(100, unavailable);
    const router = await shared.configured({ shards: [never.port] });
    expect((await overHttp1(router, '/', { method: 'PUT' }, 'x')).status).toBe(503);
    expect(never.tries()).toBe(1);
  });
});

it('sends a shard no more requests at once than its limit', async () => {
  const router = await start({}, { cluster: { limits: { requests: 1 } } });
  const busy = await RawHttp1.connect(scope, router.port);
  busy.write('GET /hang HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
  await busy.reads(/first/);
  const refused = await overHttp1(router, '/', {
    headers: { 'content-type': 'application/json', 'connect-protocol-version': '1' },
  });
  expect(refused.status).toBe(503);
  expect(JSON.parse(refused.text)).toMatchObject({ code: 'unavailable' });
  expect(await metric(router, 'keyway_refusals_total{reason="overloaded"}')).toBe(1);
  busy.socket.destroy();
  await eventually(async () => (await overHttp1(router, '/')).status === 200);
});

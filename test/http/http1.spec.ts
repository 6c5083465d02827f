import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { residentBytes } from '../../bench/support/process-cost.ts';
import { FrameType } from '../../src/http2/frames.ts';
import { eventually, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { type HttpBackend, type SeenRequest, startHttpBackend } from '../support/http-backend.ts';
import { type Answer, overHttp1, overHttp2 } from '../support/http-client.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { frame, headerBlock, RawPeer, requestBlock } from '../support/raw-peer.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
let backends: HttpBackend[];
let router: RouterUnderTest;
let agent: Agent;

async function start(
  spoken: 'http1' | 'http2',
  protocol: string,
  alone: { drainSeconds: number } | null = null,
): Promise<void> {
  backends = await Promise.all(['s0', 's1', 's2'].map((name) => startHttpBackend(scope, name, spoken)));
  const setup = {
    shards: backends.map(({ port }) => port),
    // By their addresses all of a few keys may have one owner.
    hashOn: 'id' as const,
    upstream: { protocol },
    limits: { requestHeadTimeout: '300ms', maxHeaderListSize: '8KiB' },
  };
  router = alone === null ? await shared.configured(setup) : await startRouter(scope, { ...setup, ...alone });
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.defer(() => agent.destroy());
}
afterEach(() => scope.release());

const send = (path: string, options: RequestOptions = {}, body?: string): Promise<Answer> =>
  overHttp1(router, path, { agent, ...options }, body);

async function ownerByHttp2(key: string): Promise<string> {
  const session = connectHttp2(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const stream = session.request({ ':path': '/', 'x-shard-key': key });
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  stream.resume();
  await once(stream, 'end');
  return headers['x-backend'] ?? '';
}

const WAYS = [
  ['http2', 'http2'],
  ['http1', 'http1'],
  ['http2', 'auto'],
  ['http1', 'auto'],
] as const;

describe.each(WAYS)('an HTTP/1.1 client of shards that speak %s, with protocol: %s,', (spoken, protocol) => {
  beforeEach(() => start(spoken, protocol));

  it('reaches the owner that an HTTP/2 client reaches, over one connection', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const { headers } = await send('/', { headers: { 'x-shard-key': key } });
      expect(headers['x-backend']).toBe(await ownerByHttp2(key));
    }
    expect(new Set(backends.flatMap(({ requests }) => requests.map(({ backend }) => backend))).size).toBeGreaterThan(1);
    // Six HTTP/2 sessions of their own, and one connection for all of HTTP/1.1.
    expect(await metric(router, 'keyway_downstream_connections_total')).toBe(7);
  });

  it('has its request forwarded without what concerns its connection alone', async () => {
    const headers = { connection: 'keep-alive, x-hop', 'x-hop': '1', 'x-stays': '2', 'x-keyway-version': '7' };
    const seen = JSON.parse((await send('/a?b=c', { method: 'PUT', headers }, 'body')).text) as SeenRequest;
    expect(seen).toMatchObject({ method: 'PUT', url: '/a?b=c', bytes: 4 });
    const own = spoken === 'http2' ? [':authority', ':method', ':path', ':scheme'] : ['host'];
    expect(Object.keys(seen.headers).sort()).toEqual(
      [...own, 'content-length', 'x-forwarded-for', 'x-forwarded-proto', 'x-shard-key', 'x-stays'].sort(),
    );
  });

  it('gets content in chunks with trailers, by length, and none for HEAD, 204 and 304', async () => {
    const echoed = await send('/echo', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, 'hello');
    expect(echoed.text).toBe('hello');
    expect(echoed.headers['transfer-encoding']).toBe('chunked');
    expect(echoed.trailers).toEqual({ 'x-trailer': 'end' });
    const head = await send('/', { method: 'HEAD' });
    expect(head.text).toBe('');
    expect(Number(head.headers['content-length'])).toBeGreaterThan(50);
    for (const status of [204, 304]) expect((await send(`/bytes/0?status=${status}`)).status).toBe(status);
    expect(await metric(router, 'keyway_downstream_connections_total')).toBe(1);
  });

  it('may send several requests ahead, and gets the answers in their order', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    const get = (n: number): string => `GET /n${n} HTTP/1.1\r\nHost: h\r\nx-shard-key: k${n}\r\n\r\n`;
    peer.write(Array.from({ length: 50 }, (_, i) => get(i)).join(''));
    await peer.reads(/"url":"\/n49"/);
    expect([...peer.text.matchAll(/"url":"\/n(\d+)"/g)].map(([, n]) => Number(n))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  it('is told to continue before it sends its content, unless the request is refused', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    const head = 'POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n';
    peer.write(`${head}x-shard-key: k\r\n\r\n`);
    await peer.reads(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    peer.write('hello');
    await peer.reads(/HTTP\/1\.1 200 OK[\s\S]*hello\r\n0\r\n/);
    const refused = await RawHttp1.connect(scope, router.port);
    refused.write(`${head}\r\n`);
    expect(await refused.ends()).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close/);
  });

  it('of HTTP/1.0 gets content that ends with the connection', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write('POST /echo HTTP/1.0\r\nx-shard-key: k\r\nContent-Length: 5\r\n\r\nhello');
    const text = await peer.ends();
    expect(text).toMatch(/connection: close/);
    expect(text).not.toMatch(/chunked/);
    expect(text).toMatch(/\r\n\r\nhello$/);
  });

  it('sees an answer cut off where its shard cut it off', async () => {
    await expect(send('/cut')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    await expect(send('/')).resolves.toMatchObject({ status: 200 });
  });

  it('takes its request back by closing the connection', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write('GET /hang HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
    await peer.reads(/first/);
    peer.socket.destroy();
    await eventually(() => backends.some(({ aborted }) => aborted.includes('/hang')));
    expect(await metric(router, 'keyway_cancelled_total')).toBe(1);
  });
});

describe.each(WAYS.slice(0, 2))('flow, with shards that speak %s,', (spoken, protocol) => {
  beforeEach(() => start(spoken, protocol));

  it('of a large answer stops at a client that does not read, and goes on when it does', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.socket.pause();
    const size = 256 * 2 ** 20;
    const before = residentBytes(router.process.pid);
    let received = 0;
    peer.socket.removeAllListeners('data');
    peer.write(`GET /bytes/${size} HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nConnection: close\r\n\r\n`);
    await eventually(async () => (await metric(router, 'keyway_response_bytes_total')) > 200_000);
    expect(residentBytes(router.process.pid) - before).toBeLessThan(64 * 2 ** 20);
    peer.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    peer.socket.resume();
    await once(peer.socket, 'close');
    expect(received).toBeGreaterThan(size);
    expect(received).toBeLessThan(size + 65536 * 20);
  });

  it('of a large request stops at a shard that does not read, memory bounded', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    const before = residentBytes(router.process.pid);
    peer.write('POST /silent HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 1000000000\r\n\r\n');
    const chunk = Buffer.alloc(65536);
    const sendOn = (): void => {
      while (peer.socket.write(chunk));
    };
    peer.socket.on('drain', sendOn);
    sendOn();
    let taken = 0;
    await eventually(async () => {
      const last = taken;
      taken = await metric(router, 'keyway_request_bytes_total');
      return taken > 60_000 && taken === last;
    });
    expect(residentBytes(router.process.pid) - before).toBeLessThan(64 * 2 ** 20);
    // The kernel alone may hold 4 MiB on the router's side and 6 MiB on the shard's (tcp_wmem, tcp_rmem).
    expect(taken).toBeLessThan(16 * 2 ** 20);
  });

  it('runs both ways at once', async () => {
    const sent = httpRequest({
      agent,
      port: router.port,
      path: '/echo',
      method: 'POST',
      headers: { 'x-shard-key': 'k' },
    });
    sent.write('one');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('one');
    sent.write('two');
    expect(String((await once(response, 'data'))[0])).toBe('two');
    sent.end();
    response.resume();
    await once(response, 'end');
  });
});

describe('a refusal comes in the protocol that the client speaks', () => {
  beforeEach(() => start('http2', 'http2'));

  const refused = async (headers: Record<string, string>, path = '/s/M', method = 'POST'): Promise<Answer> => {
    const sent = httpRequest({ agent, port: router.port, path, method, headers });
    sent.end('x');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('latin1');
    return { status: response.statusCode ?? 0, headers: response.headers, trailers: response.trailers, text };
  };
  const MESSAGE = 'the shard key header x-shard-key is missing';
  const FRAME = `\x80\0\0\0\x4bgrpc-status: 3\r\ngrpc-message: ${MESSAGE}\r\n`;

  it('plain HTTP', async () => {
    expect(await refused({})).toMatchObject({ status: 400, text: `${MESSAGE}\n` });
  });

  it('gRPC', async () => {
    const { status, headers, text } = await refused({ 'content-type': 'application/grpc+proto' });
    expect({ status, text }).toEqual({ status: 200, text: '' });
    expect(headers).toMatchObject({ 'grpc-status': '3', 'grpc-message': MESSAGE });
  });

  it('gRPC-Web, binary and text', async () => {
    const binary = await refused({ 'content-type': 'application/grpc-web+proto' });
    expect(binary.headers['content-type']).toBe('application/grpc-web+proto');
    expect(binary.text).toBe(FRAME);
    const text = await refused({ 'content-type': 'application/grpc-web-text' });
    expect(Buffer.from(text.text, 'base64').toString('latin1')).toBe(FRAME);
  });

  it('Connect, unary by POST and GET', async () => {
    const post = await refused({ 'content-type': 'application/json', 'connect-protocol-version': '1' });
    expect(post.status).toBe(400);
    expect(post.headers['content-type']).toBe('application/json');
    expect(JSON.parse(post.text)).toEqual({ code: 'invalid_argument', message: MESSAGE });
    const get = await refused({}, '/s/M?connect=v1&encoding=json&message=%7B%7D', 'GET');
    expect(JSON.parse(get.text)).toEqual({ code: 'invalid_argument', message: MESSAGE });
  });

  it('Connect, streaming', async () => {
    const { status, text } = await refused({ 'content-type': 'application/connect+proto' });
    expect(status).toBe(200);
    expect(text.charCodeAt(0)).toBe(2);
    expect(JSON.parse(text.slice(5))).toEqual({ error: { code: 'invalid_argument', message: MESSAGE } });
  });

  it('a shard that is down', async () => {
    const [dead] = (await freePorts(1)) as [number];
    router = await shared.configured({ shards: [dead] });
    const headers = { 'x-shard-key': 'k', 'connect-protocol-version': '1', 'content-type': 'application/json' };
    const answer = await refused(headers);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'unavailable' });
  });
});

describe('a malicious client', () => {
  beforeEach(() => start('http2', 'http2'));

  it('is refused once, and what it sends behind is not read', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write(
      'POST / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n',
    );
    const text = await peer.ends();
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(backends.flatMap(({ requests }) => requests)).toEqual([]);
    expect(await metric(router, 'keyway_malformed_total')).toBe(1);
  });

  it('and says nothing, or trickles a head, is cut off', async () => {
    const silent = await RawHttp1.connect(scope, router.port);
    const slow = await RawHttp1.connect(scope, router.port);
    slow.write('GET / HTTP/1.1\r\n');
    const trickle = setInterval(() => slow.write('X: y\r\n'), 50);
    scope.defer(() => clearInterval(trickle));
    expect(await slow.ends()).toMatch(/^HTTP\/1\.1 408 /);
    expect(await silent.ends()).toBe('');
    expect(await metric(router, 'keyway_floods_total{limit="slow"}')).toBe(1);
  });

  it('and fills its headers is refused', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write(`GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(9000)}`);
    expect(await peer.ends()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('and breaks its content off leaves nothing behind', async () => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write('POST /echo HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await peer.reads(/hello/);
    peer.write('nonsense\r\n');
    await peer.ends();
    await eventually(() => backends.some(({ aborted }) => aborted.includes('/echo')));
    await eventually(async () => (await metric(router, 'keyway_downstream_streams')) === 0);
  });
});

it.each([
  ['a line of its own', 'a\r\nset-cookie: evil=1'],
  ['a bare LF', 'a\nset-cookie: evil=1'],
  ['a NUL', 'a\0b'],
])('never hands on what a shard puts into a header to make it two: %s', async (_what, value) => {
  const port = await RawPeer.listen(scope, (peer) => {
    peer.onFrame = ({ type, id }) => {
      const answer = headerBlock([
        [':status', '200'],
        ['x-name', value],
      ]);
      if (type === FrameType.Headers) peer.write(frame(FrameType.Headers, 5, id, answer));
    };
  });
  router = await shared.configured({ shards: [port] });
  const client = await RawHttp1.connect(scope, router.port);
  client.write('GET / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nConnection: close\r\n\r\n');
  const text = await client.ends();
  expect(text).toMatch(/^HTTP\/1\.1 502 /);
  expect(text).not.toContain('evil');
});

it('never hands on what an HTTP/2 client puts into a header to make it two', async () => {
  await start('http1', 'http1');
  const peer = await RawPeer.connect(scope, router.port);
  for (const [i, [name, value]] of [
    ['x-name', 'a\r\nx-evil: 1'],
    ['x-name\r\nx-evil', '1'],
    ['x name', '1'],
    ['X-Name', '1'],
  ].entries())
    peer.write(frame(FrameType.Headers, 5, 2 * i + 1, requestBlock([[name ?? '', value ?? '']])));
  const isReset = ({ type, id }: { type: number; id: number }): boolean => type === FrameType.RstStream && id === 7;
  await peer.frame(isReset);
  expect(backends.flatMap(({ requests }) => requests)).toEqual([]);
});

it('ends idle connections at once and busy ones with their answer when the router stops', async () => {
  // Longer than one is waited for whose answer was not quite over.
  await start('http2', 'http2', { drainSeconds: 20 });
  await send('/');
  const busy = await RawHttp1.connect(scope, router.port);
  busy.write('POST /echo HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 10\r\n\r\nhello');
  await busy.reads(/hello/);
  const idle = await RawHttp1.connect(scope, router.port);
  idle.write('GET / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
  await idle.reads(/"url":"\/"/);
  const exit = router.process.end();
  await idle.ends();
  busy.write('world');
  expect(await busy.ends()).toMatch(/world/);
  expect(await exit).toBe(0);
});

describe('shards that speak HTTP/1.1', () => {
  const post = (headers: Record<string, string>, body = ''): Promise<Answer> => overHttp2(scope, router, headers, body);

  it('get one line of one cookie from HTTP/2, and nothing that would be another line', async () => {
    await start('http1', 'http1');
    const seen = JSON.parse((await post({ cookie: 'a=1; b=2', ':path': '/x' }, 'body')).text) as SeenRequest;
    expect(seen).toMatchObject({ method: 'POST', url: '/x', bytes: 4, headers: { cookie: 'a=1; b=2' } });
    for (const path of ['/a b', '/a HTTP/1.1', '/\u00e9']) {
      const refused = await post({ ':path': path });
      expect(refused).toMatchObject({
        status: 400,
        text: expect.stringContaining('a path with a forbidden character'),
      });
    }
    expect((await post({ ':path': '/', ':authority': 'h/evil' })).status).toBe(400);
  });

  it('are found again by auto when another program has taken their place', async () => {
    const [port] = (await freePorts(1)) as [number];
    router = await shared.configured({ shards: [port], upstream: { protocol: 'auto' } });
    expect((await post({ ':path': '/' })).status).toBe(503);
    const first = new Scope();
    await startHttpBackend(first, 's0', 'http1', port);
    expect((await post({ ':path': '/' })).status).toBe(200);
    await first.release();
    await eventually(async () => (await post({ ':path': '/' })).status === 503);
    await startHttpBackend(scope, 's0', 'http2', port);
    await eventually(async () => (await post({ ':path': '/' })).status === 200);
  });

  it('are asked again by auto where a forwarder took the connection and nobody was behind it, and where one speaks otherwise than before', async () => {
    const forwarder = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end(),
    );
    await once(forwarder.listen(0, '127.0.0.1'), 'listening');
    const { port } = forwarder.address() as { port: number };
    router = await shared.configured({ shards: [port], upstream: { protocol: 'auto' } });
    expect((await post({ ':path': '/' })).status).toBe(503);
    forwarder.close();
    await once(forwarder, 'close');
    const first = new Scope();
    await startHttpBackend(first, 's0', 'http2', port);
    expect((await post({ ':path': '/' })).status).toBe(200);
    await first.release();
    const second = new Scope();
    await startHttpBackend(second, 's0', 'http1', port);
    await eventually(async () => (await post({ ':path': '/' })).status === 200);
    await second.release();
    await startHttpBackend(scope, 's0', 'http2', port);
    await eventually(async () => (await post({ ':path': '/' })).status === 200);
  });

  it('are not asked for more at once than the limit, and what waits is served', async () => {
    const backend = await startHttpBackend(scope, 's0', 'http1');
    router = await shared.configured({
      shards: [backend.port],
      upstream: { protocol: 'http1' },
      limits: { maxHttp1ConnectionsPerShard: 2, maxPendingRequests: 20 },
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post({ ':path': '/' })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await metric(router, 'keyway_shard_connections{cluster="docs",shard="s0"}')).toBe(2);
  });
});

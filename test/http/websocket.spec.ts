import { once } from 'node:events';
import { createServer as createHttp1, type IncomingMessage } from 'node:http';
import {
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2,
  type ServerHttp2Stream,
} from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { serveBothVersions } from '../support/both-versions.ts';
import { eventually, metric, type RouterUnderTest } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { overHttp1 } from '../support/http-client.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
afterEach(() => scope.release());

const KEYED_BY_QUERY = [{ match: { prefix: '/', methods: ['GET'] }, cluster: 'docs', shardKey: { query: 'doc' } }];

interface WebSocketBackend {
  readonly port: number;
  readonly requests: IncomingMessage[];
  closed: number;
}

/** A backend of the ws package, which echoes; a client that asks for `hello` first gets its name. */
async function startWebSocketBackend(name: string): Promise<WebSocketBackend> {
  const server = createHttp1((_request, response) => {
    response.statusCode = 404;
    response.end('no WebSocket');
  });
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  const backend: WebSocketBackend = { port: 0, requests: [], closed: 0 };
  sockets.on('connection', (socket, request) => {
    backend.requests.push(request);
    socket.on('message', (data, isBinary) => socket.send(String(data) === 'name' ? name : data, { binary: isBinary }));
    socket.on('close', () => backend.closed++);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return Object.assign(backend, { port: (server.address() as { port: number }).port });
}

async function open(router: RouterUnderTest, path: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${router.endpoint}${path}`, protocols);
  scope.defer(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function ask(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

/** A masked text frame, as a client sends it, and what a server answers (RFC 6455, 5.2). */
const masked = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
const unmasked = (text: string): string => `\x81${String.fromCharCode(text.length)}${text}`;

async function openOverHttp2(
  router: RouterUnderTest,
  path: string,
): Promise<{ stream: ClientHttp2Stream; status: number }> {
  const session = connectHttp2(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  session.on('error', () => {});
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }];
  expect(settings.enableConnectProtocol).toBe(true);
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13' },
    { endStream: false },
  );
  const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
  return { stream, status: headers[':status'] };
}

describe.each([
  'http1',
  'auto',
] as const)('a WebSocket with a shard that speaks HTTP/1.1, with protocol: %s,', (protocol) => {
  let backends: WebSocketBackend[];
  let router: RouterUnderTest;
  beforeEach(async () => {
    backends = await Promise.all(['s0', 's1', 's2'].map(startWebSocketBackend));
    router = await shared.configured({
      shards: backends.map(({ port }) => port),
      // By their addresses all of a few keys may have one owner.
      hashOn: 'id' as const,
      routes: KEYED_BY_QUERY,
      upstream: { protocol },
    });
  });

  it('carries messages both ways, and the same key meets the same shard', async () => {
    const names = new Map<string, string>();
    for (const doc of ['a', 'b', 'c', 'd', 'e', 'f', 'a', 'b']) {
      const socket = await open(router, `/live?doc=${doc}`);
      const name = await ask(socket, 'name');
      expect(names.get(doc) ?? name).toBe(name);
      names.set(doc, name);
      expect(await ask(socket, 'x'.repeat(100_000))).toHaveLength(100_000);
      socket.close();
      await once(socket, 'close');
    }
    expect(new Set(names.values()).size).toBeGreaterThan(1);
    await eventually(async () => (await metric(router, 'keyway_downstream_connections')) === 0);
    await eventually(() => backends.reduce((sum, { closed }) => sum + closed, 0) === 8);
  });

  it('hands over protocols, headers, and close codes', async () => {
    const socket = await open(router, '/live?doc=a', ['v1', 'v2']);
    expect(socket.protocol).toBe('v1');
    const seen = backends.flatMap(({ requests }) => requests)[0];
    expect(seen?.headers).toMatchObject({ 'sec-websocket-protocol': 'v1,v2', 'x-forwarded-for': '127.0.0.1' });
    expect(seen?.headers.host).toBe(router.endpoint);
    socket.close(4321, 'bye');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4321);
  });

  it('is closed at the shard when its client is gone', async () => {
    const socket = await open(router, '/live?doc=a');
    socket.terminate();
    await eventually(() => backends.reduce((sum, { closed }) => sum + closed, 0) === 1);
  });

  it('opens over HTTP/2 as well, by extended CONNECT', async () => {
    const { stream, status } = await openOverHttp2(router, '/live?doc=a');
    expect(status).toBe(200);
    stream.write(masked('hello'));
    expect(String((await once(stream, 'data'))[0] as Buffer)).toBe(Buffer.from(unmasked('hello'), 'latin1').toString());
    stream.close();
    await eventually(() => backends.reduce((sum, { closed }) => sum + closed, 0) === 1);
  });
});

it('reaches a shard over HTTP/2 where it takes extended CONNECT', async () => {
  const server = createHttp2({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    stream.respond({ ':status': headers[':protocol'] === 'websocket' ? 200 : 400 });
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const { port } = server.address() as { port: number };
  const router = await shared.configured({ shards: [port], routes: KEYED_BY_QUERY, upstream: { protocol: 'http2' } });
  const { stream, status } = await openOverHttp2(router, '/live?doc=a');
  expect(status).toBe(200);
  stream.write('ping');
  expect(String((await once(stream, 'data'))[0])).toBe('ping');
  const old = await RawHttp1.connect(scope, router.port);
  old.write(
    'GET /live?doc=a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly',
  );
  // The example of RFC 6455, 1.3.
  await old.reads(
    /^HTTP\/1\.1 101 [\s\S]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n[\s\S]*\r\n\r\nearly$/,
  );
});

it('reaches a shard that speaks both versions, and has no extended CONNECT, over HTTP/1.1', async () => {
  const http1 = createHttp1();
  const sockets = new WebSocketServer({ server: http1 });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const http2 = createHttp2((_request, response) => response.end('over HTTP/2'));
  scope.defer(() => {
    for (const socket of sockets.clients) socket.terminate();
  });
  const port = await serveBothVersions(scope, http1, http2);
  const router = await shared.configured({ shards: [port], routes: KEYED_BY_QUERY, upstream: { protocol: 'auto' } });
  expect((await overHttp1(router, '/x?doc=a')).text).toBe('over HTTP/2');
  expect(await ask(await open(router, '/live?doc=a'), 'hello')).toBe('hello');
});

describe('what is not a WebSocket', () => {
  it('a shard that has none: its answer is the client’s', async () => {
    const backend = await startHttpBackend(scope, 's0', 'http1');
    const router = await shared.configured({
      shards: [backend.port],
      routes: KEYED_BY_QUERY,
      upstream: { protocol: 'http1' },
    });
    const socket = new WebSocket(`ws://${router.endpoint}/bytes/5?doc=a&status=403`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('403');
  });

  it('a request without a key, or for a shard that is down', async () => {
    const [dead] = (await freePorts(1)) as [number];
    const router = await shared.configured({ shards: [dead], routes: KEYED_BY_QUERY });
    const refusal = async (path: string): Promise<string> =>
      ((await once(new WebSocket(`ws://${router.endpoint}${path}`), 'error')) as [Error])[0].message;
    expect(await refusal('/live')).toContain('400');
    expect(await refusal('/live?doc=a')).toContain('503');
  });

  it('an upgrade to something else, or without a proper key: an ordinary request', async () => {
    const backend = await startHttpBackend(scope, 's0', 'http2');
    const router = await shared.configured({ shards: [backend.port], routes: KEYED_BY_QUERY });
    for (const upgrade of ['something', 'websocket\r\nSec-WebSocket-Key: short']) {
      const peer = await RawHttp1.connect(scope, router.port);
      peer.write(`GET /x?doc=a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`);
      await peer.reads(/^HTTP\/1\.1 200 [\s\S]*"method":"GET"/);
    }
  });
});

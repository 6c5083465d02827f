import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { metric, type RouterUnderTest } from '../support/cluster.ts';
import { overHttp1, overHttp2 } from '../support/http-client.ts';
import { Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
afterEach(() => scope.release());

/** A shard that answers each head in bytes of the test's. */
async function serve(answerTo: (head: string) => string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(answerTo(data.toString('latin1')), 'latin1'));
    scope.defer(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  scope.defer(() => server.close());
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** A router whose shards are ejected by two failures. */
async function route(port: number, protocol: 'http1' | 'auto'): Promise<RouterUnderTest> {
  const passive = { consecutiveFailures: 2, ejection: '1m' };
  const routes = [{ match: { regex: '.*' }, cluster: 'docs', shardKey: { value: 'k' } }];
  return shared.configured({ shards: [port], routes, upstream: { protocol }, cluster: { health: { passive } } });
}

const PAGE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

it('does not blame a shard for what its clients cause', async () => {
  const router = await route(await serve(() => PAGE), 'auto');
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  for (let i = 0; i < 3; i++) {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write(`GET /page HTTP/1.1\r\nHost: h\r\n${upgrade}\r\n\r\n`);
    await peer.reads(/^HTTP\/1\.1 200 [\s\S]*hello$/);
    peer.write('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n');
    await peer.reads(/hello[\s\S]*HTTP\/1\.1 200 [\s\S]*hello$/);
    const connect = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' };
    expect((await overHttp2(scope, router, { ...connect, ':path': '/' })).status).toBe(501);
    expect((await overHttp2(scope, router, { ':path': '/', ':authority': 'h', host: 'h' })).text).toBe('hello');
  }
  expect((await overHttp1(router, '/')).text).toBe('hello');
  const states = ['connect_failures_total', 'unhealthy', 'ejections'].map((name) =>
    metric(router, `keyway_shard_${name}{cluster="docs",shard="s0"}`),
  );
  expect(await Promise.all(states)).toEqual([0, 0, 0]);
});

it('answers 502 where a shard answers what is no HTTP/1.1, and ejects it for that', async () => {
  const router = await route(await serve(() => 'SSH-2.0-OpenSSH_9.2\r\n'), 'http1');
  for (let i = 0; i < 2; i++)
    expect(await overHttp1(router, '/')).toMatchObject({
      status: 502,
      text: expect.stringContaining('broke the protocol: an answer that is not HTTP/1.1'),
    });
  expect((await overHttp1(router, '/')).text).toContain('ejected');
  const failures = 'keyway_shard_failures_total{cluster="docs",shard="s0",cause="violation"}';
  expect(await metric(router, failures)).toBe(2);
  expect(await metric(router, 'keyway_shard_connect_failures_total{cluster="docs",shard="s0"}')).toBe(0);
});

import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { FrameType, readUint31 } from '../../src/http2/frames.ts';
import { eventually, fetchText, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { frame, RawPeer, requestBlock } from '../support/raw-peer.ts';

const scope = new Scope();
afterEach(() => scope.release());

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;

/** A router before a backend whose streams a test ends by hand. */
async function startHeld(
  drainSeconds = 30,
  limits: object = {},
): Promise<{ router: RouterUnderTest; streams: ServerHttp2Stream[] }> {
  const server = createHttp2Server();
  const streams: ServerHttp2Stream[] = [];
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.write('begun ');
    streams.push(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const shards = [(server.address() as { port: number }).port];
  return { router: await startRouter(scope, { shards, drainSeconds, limits }), streams };
}

const isGoaway = ({ type }: { type: number }): boolean => type === FrameType.Goaway;

it('shuts down in two steps, loses no request sent between them, and every byte in flight arrives', async () => {
  const { router, streams } = await startHeld();
  const peer = await RawPeer.connect(scope, router.port);
  const open = (id: number): void => peer.write(frame(FrameType.Headers, END_STREAM | END_HEADERS, id, requestBlock()));
  open(1);
  await peer.frame(({ type, id }) => type === FrameType.Data && id === 1);
  router.process.child.kill('SIGTERM');
  const first = await peer.frame(isGoaway);
  expect(readUint31(first.payload, 0)).toBe(0x7fffffff);
  const ping = await peer.frame(({ type, flags }) => type === FrameType.Ping && (flags & ACK) === 0);
  // Sent before the router's announcement could be known here: it counts.
  open(3);
  await peer.frame(({ type, id }) => type === FrameType.Data && id === 3);
  peer.write(frame(FrameType.Ping, ACK, 0, ping.payload));
  const last = await peer.frame((each) => isGoaway(each) && readUint31(each.payload, 0) !== 0x7fffffff);
  expect(readUint31(last.payload, 0)).toBe(3);
  // Sent after it: not processed, and not answered.
  open(5);
  for (const stream of streams) stream.end('ended');
  await eventually(() => peer.closed);
  const content = (stream: number): string =>
    peer.frames
      .filter(({ type, id }) => type === FrameType.Data && id === stream)
      .map(({ payload }) => payload.toString())
      .join('');
  expect([content(1), content(3), content(5)]).toEqual(['begun ended', 'begun ended', '']);
  expect(await router.process.exit()).toBe(0);
});

it('ends a connection that is too old by GOAWAY, lets its streams go on for the grace, and cuts it then', async () => {
  const limits = { maxConnectionAge: '200ms', maxConnectionAgeGrace: '2s' };
  const { router, streams } = await startHeld(30, limits);
  const finished = connect(`http://${router.endpoint}`);
  scope.defer(() => finished.destroy());
  const request = finished.request({ ':path': '/', 'x-shard-key': 'k' });
  await once(request, 'response');
  await once(finished, 'goaway');
  streams[0]?.end('ended');
  let content = '';
  for await (const chunk of request) content += String(chunk);
  expect(content).toBe('begun ended');
  await once(finished, 'close');

  const endless = await holdRequest(router);
  await new Promise((resolve) => endless.on('close', resolve));
  expect(router.process.child.exitCode).toBeNull();
});

it('ends a connection that is idle', async () => {
  const { router } = await startHeld(30, { idleConnection: '100ms' });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  await once(session, 'goaway');
  await once(session, 'close');
});

it('is not ready while it shuts down, and takes no new connection', async () => {
  const { router, streams } = await startHeld();
  expect(await fetchText(`${router.admin}/readyz`)).toEqual({ status: 200, text: 'ready\n' });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
  await once(request, 'response');
  router.process.child.kill('SIGTERM');
  await once(session, 'goaway');
  expect((await fetchText(`${router.admin}/readyz`)).status).toBe(503);
  expect((await fetchText(`${router.admin}/healthz`)).status).toBe(200);
  const refused = connect(`http://${router.endpoint}`);
  await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED');
  streams[0]?.end();
  request.resume();
  expect(await router.process.exit()).toBe(0);
});

/** A request whose answer has begun, on a connection that may be cut. */
async function holdRequest(router: RouterUnderTest): Promise<ClientHttp2Session> {
  const session = connect(`http://${router.endpoint}`);
  session.on('error', () => {});
  const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
  request.on('error', () => {});
  await once(request, 'response');
  return session;
}

it('cuts what outlives the grace', async () => {
  const { router } = await startHeld(1);
  await holdRequest(router);
  router.process.child.kill('SIGTERM');
  expect(await router.process.exit()).toBe(0);
});

it('drains when a signal comes more than once, as npm and the group of a terminal send it', async () => {
  const { router, streams } = await startHeld();
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
  await once(request, 'response');
  router.process.child.kill('SIGINT');
  await once(session, 'goaway');
  router.process.child.kill('SIGINT');
  router.process.child.kill('SIGTERM');
  streams[0]?.end('ended');
  let content = '';
  for await (const chunk of request) content += String(chunk);
  expect(content).toBe('begun ended');
  expect(await router.process.exit()).toBe(0);
});

it('ends at once when asked again', async () => {
  const { router } = await startHeld();
  await holdRequest(router);
  const { child } = router.process;
  await eventually(() => {
    child.kill('SIGTERM');
    return child.exitCode !== null;
  });
  expect(child.exitCode).toBe(1);
});

it('routes on several threads, counts them as one, and shuts them all down', async () => {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const router = await startRouter(scope, { shards: [(server.address() as { port: number }).port], workers: 3 });
  for (let i = 0; i < 30; i++) {
    const session = connect(`http://${router.endpoint}`);
    const request = session.request({ ':path': '/', 'x-shard-key': `key-${i}` });
    const [headers] = await once(request, 'response');
    expect(headers[':status']).toBe(200);
    request.resume();
    await once(request, 'end');
    session.close();
  }
  expect(await metric(router, 'keyway_requests_total')).toBe(30);
  expect(await router.process.end('SIGTERM')).toBe(0);
});

it.each([
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: a\r\nx-shard-key: k\r\n\r\n', /^HTTP\/1\.1 200/],
  [
    'HTTP/2',
    Buffer.concat([PREFACE, frame(FrameType.Settings, 0, 0), frame(FrameType.Headers, 5, 1, requestBlock())]),
    /./,
  ],
])('answers a client that had connected before it stopped, and asks by %s only then', async (_, request, answer) => {
  const { router, streams } = await startHeld();
  const early = connectSocket(router.port, '127.0.0.1');
  scope.defer(() => early.destroy());
  await eventually(async () => (await metric(router, 'keyway_downstream_connections')) === 1);
  router.process.child.kill('SIGTERM');
  await eventually(async () => (await fetchText(`${router.admin}/readyz`)).status === 503);
  let text = '';
  early.on('data', (part: Buffer) => {
    text += part.toString('latin1');
  });
  early.write(request);
  await eventually(() => streams.length === 1);
  streams[0]?.end('ended');
  await eventually(() => answer.test(text) && text.includes('ended'));
  early.destroy();
  expect(await router.process.exit()).toBe(0);
});

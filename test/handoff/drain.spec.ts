import { once } from 'node:events';
import { createServer as createHttp1, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import { changeTopology } from '../../src/handoff/index.ts';
import type { Registry } from '../../src/registry/index.ts';
import { Cluster, type TopologyDraft } from '../../src/topology/index.ts';
import { metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { type EchoBackend, echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

function draft(ports: readonly number[]): TopologyDraft {
  return {
    namespace: 'default',
    name: 'docs',
    version: null,
    placement: { name: 'fixedRing', options: { entriesPerWeight: 64 } },
    hashOn: 'id',
    shards: ports.map((port, i) => ({ id: `s${i}`, address: `127.0.0.1:${port}`, weight: 1 })),
  };
}

function ownerOf(topology: TopologyDraft, key: string): string | undefined {
  const bytes = Buffer.from(key);
  return topology.shards[new Cluster(topology).locate(bytes, 0, bytes.length)]?.id;
}

interface Setup {
  readonly route?: object;
  readonly config?: object;
  readonly upstream?: object;
}

/** A router that follows a registry, with the first `of` of the backends as its shards. */
async function start(
  ports: readonly number[],
  of: number,
  { route, config, upstream }: Setup = {},
): Promise<{ router: RouterUnderTest; registry: Registry }> {
  const store = await sqlite(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft(ports.slice(0, of)));
  const router = await startRouter(scope, {
    shards: [],
    registry: store.config,
    routes: [{ match: { prefix: '/' }, cluster: 'docs', watch: ['/test.Echo/B*', '/watch*'], ...route }],
    config: { drain: { window: '200ms', pushback: '500ms' }, ...config },
    ...(upstream === undefined ? {} : { upstream }),
  });
  return { router, registry };
}

/** A watch: a stream of both ways whose every message is echoed by its owner. */
class Watch {
  readonly key: string;
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly echoes: string[] = [];
  ended: ServiceError | 'end' | null = null;

  constructor(client: ReturnType<typeof echoClient>, key: string) {
    this.key = key;
    this.stream = (client.bidi as (...args: unknown[]) => ClientDuplexStream<Buffer, Buffer>).call(client, keyed(key));
    this.stream.on('data', (part: Buffer) => this.echoes.push(part.toString()));
    this.stream.on('error', (error: ServiceError) => {
      this.ended = error;
    });
    this.stream.on('end', () => {
      this.ended ??= 'end';
    });
  }

  async echo(text: string): Promise<void> {
    this.stream.write(Buffer.from(text));
    await vi.waitFor(() => expect(this.echoes.at(-1)).toBe(text), PATIENCE);
  }
}

const calls = (backends: readonly EchoBackend[]): string[][] => backends.map((backend) => backend.calls);

it('ends exactly the watches whose keys have moved, and they come back to the new owner', async () => {
  const backends = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startEchoBackend(scope, name)));
  const ports = backends.map(({ port }) => port);
  const { router, registry } = await start(ports, 3);
  const client = echoClient(scope, router.endpoint);
  const watches = Array.from({ length: 60 }, (_, i) => new Watch(client, `project/${i}`));
  await Promise.all(watches.map((watch) => watch.echo('before')));
  const connections = await metric(router, 'keyway_downstream_connections_total');

  const [before, after] = [draft(ports.slice(0, 3)), draft(ports)];
  const moved = watches.filter(({ key }) => ownerOf(before, key) !== ownerOf(after, key));
  expect(moved.length).toBeGreaterThan(5);
  await registry.topologies.commit(after);
  await vi.waitFor(() => expect(watches.filter(({ ended }) => ended !== null)).toHaveLength(moved.length), PATIENCE);
  expect(watches.filter(({ ended }) => ended !== null).map(({ key }) => key)).toEqual(moved.map(({ key }) => key));
  const pushbacks = moved.map(({ ended }) => {
    const { code, details, metadata } = ended as ServiceError;
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toBe('the key has moved: docs was at version 1 and is at version 2');
    return Number(metadata.get('grpc-retry-pushback-ms')[0]);
  });
  expect(Math.max(...pushbacks)).toBeLessThanOrEqual(500);
  expect(new Set(pushbacks).size).toBeGreaterThan(2);

  // The others: the same stream, every message, in order.
  const unmoved = watches.filter((watch) => !moved.includes(watch));
  for (const text of ['one', 'two', 'three']) await Promise.all(unmoved.map((watch) => watch.echo(text)));
  expect(unmoved.map(({ echoes }) => echoes)).toEqual(unmoved.map(() => ['before', 'one', 'two', 'three']));
  expect(await metric(router, 'keyway_drained_streams_total{how="goaway"}')).toBe(moved.length);
  expect(await metric(router, 'keyway_draining_streams')).toBe(0);

  // GOAWAY: what comes now comes on another connection, to the new owner.
  const back = moved.map(({ key }) => new Watch(client, key));
  await Promise.all(back.map((watch) => watch.echo('again')));
  expect(await metric(router, 'keyway_downstream_connections_total')).toBe(connections + 1);
  for (const { key } of moved) expect(calls(backends)[3]).toContain(key);
  expect(calls(backends)[3]).toHaveLength(moved.length);
});

it('ends moved watches as the route wants it: without GOAWAY, with status OK', async () => {
  const backends = await Promise.all(['a', 'b'].map((name) => startEchoBackend(scope, name)));
  const [one = 0, other = 0] = backends.map(({ port }) => port);
  const onMove = { how: 'end', status: 'ok', message: 'come again' };
  const { router, registry } = await start([one], 1, { route: { onMove } });
  const client = echoClient(scope, router.endpoint);
  const watch = new Watch(client, 'a');
  await watch.echo('before');
  const connections = await metric(router, 'keyway_downstream_connections_total');
  await registry.topologies.commit(draft([other]));
  await vi.waitFor(() => expect(watch.ended).toBe('end'), PATIENCE);
  await new Watch(client, 'a').echo('again');
  expect(backends[1]?.calls).toEqual(['a']);
  expect(await metric(router, 'keyway_downstream_connections_total')).toBe(connections);
  expect(await metric(router, 'keyway_drained_streams_total{how="end"}')).toBe(1);
});

it('lets a call that no route names finish at its old owner, and ends it once it is open for long', async () => {
  const backends = await Promise.all(['a', 'b'].map((name) => startEchoBackend(scope, name)));
  const [one = 0, other = 0] = backends.map(({ port }) => port);
  const drain = { window: '0s', longLivedAfter: '5s' };
  const { router, registry } = await start([one], 1, { route: { watch: [] }, config: { drain } });
  const client = echoClient(scope, router.endpoint);
  const [brief, long] = [new Watch(client, 'a'), new Watch(client, 'a')];
  await Promise.all([brief.echo('before'), long.echo('before')]);
  const { version } = await registry.topologies.commit(draft([other]));
  await vi.waitFor(async () => expect(await metric(router, 'keyway_topology_version')).toBe(version), PATIENCE);
  await brief.echo('after');
  brief.stream.end();
  await vi.waitFor(() => expect(brief.ended).toBe('end'), PATIENCE);
  await vi.waitFor(() => expect(long.ended).toMatchObject({ code: status.UNAVAILABLE }), PATIENCE);
  expect(backends[1]?.calls).toEqual([]);
});

it('ends the watches of a shard that shuts down by itself', async () => {
  const sessions: ServerHttp2Session[] = [];
  const server: Http2Server = createHttp2((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/grpc' });
    response.write(Buffer.from([0, 0, 0, 0, 1, 0x61]));
  });
  server.on('session', (session) => sessions.push(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { router } = await start([(server.address() as AddressInfo).port], 1);
  const watch = new Watch(echoClient(scope, router.endpoint), 'a');
  await vi.waitFor(() => expect(watch.echoes).toEqual(['a']), PATIENCE);
  for (const session of sessions) session.goaway();
  await vi.waitFor(() => expect(watch.ended).toMatchObject({ code: status.UNAVAILABLE }), PATIENCE);
  expect((watch.ended as ServiceError).details).toMatch(/^shard s0 \(.*\) goes away$/);
});

const envelope = (flags: number, text: string): Buffer => {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(text));
  bytes[0] = flags;
  bytes.writeUInt32BE(Buffer.byteLength(text), 1);
  bytes.write(text, 5);
  return bytes;
};

/** A shard that holds its answers open, for the test to write into. */
async function holdingShard(contentType: string): Promise<{ port: number; answers: ServerResponse[] }> {
  const answers: ServerResponse[] = [];
  const server = createHttp1((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': contentType });
    response.flushHeaders();
    answers.push(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, answers };
}

/** A watch over HTTP/1.1, as `fetch` sees it: what came, and how it ended. */
function watchOverHttp1(
  router: RouterUnderTest,
  contentType: string,
): { text: string; closed: boolean; readonly socket: Socket } {
  const socket = connect(router.port, '127.0.0.1');
  scope.defer(() => socket.destroy());
  const seen = { text: '', closed: false, socket };
  socket.on('data', (chunk: Buffer) => {
    seen.text += chunk.toString('latin1');
  });
  socket.on('close', () => {
    seen.closed = true;
  });
  const head = [
    'POST /watch HTTP/1.1',
    'host: a',
    'x-shard-key: k',
    `content-type: ${contentType}`,
    'content-length: 0',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  return seen;
}

it.each([
  {
    contentType: 'application/connect+json',
    last: '"error":{"code":"unavailable","message":"the key has moved: docs was at version 1 and is at version 2"}',
  },
  { contentType: 'application/grpc-web+proto', last: 'grpc-status: 14\r\n' },
  { contentType: 'text/event-stream', last: '' },
])('ends $contentType over HTTP/1.1 in its own way, and takes the next request of its connection', async ({
  contentType,
  last,
}) => {
  const [one, other] = [await holdingShard(contentType), await holdingShard(contentType)];
  const { router, registry } = await start([one.port], 1, { upstream: { protocol: 'http1' } });
  const seen = watchOverHttp1(router, contentType);
  await vi.waitFor(() => expect(one.answers).toHaveLength(1), PATIENCE);
  one.answers[0]?.write(envelope(0, '{"n":1}'));
  await vi.waitFor(() => expect(seen.text).toContain('{"n":1}'), PATIENCE);
  await registry.topologies.commit(draft([other.port]));
  // The last chunk has come: a whole answer.
  await vi.waitFor(() => expect(seen.text.endsWith('0\r\n\r\n')).toBe(true), PATIENCE);
  expect(seen.text).toContain(last);
  expect(seen.text).not.toMatch(/connection: close/i);

  seen.text = '';
  seen.socket.write('POST /put HTTP/1.1\r\nhost: a\r\nx-shard-key: k\r\ncontent-length: 2\r\n\r\nhi');
  await vi.waitFor(() => expect(other.answers).toHaveLength(1), PATIENCE);
  other.answers[0]?.end(envelope(0, '{"n":2}'));
  await vi.waitFor(() => expect(seen.text).toContain('{"n":2}'), PATIENCE);
  expect(seen.text).not.toMatch(/connection: close/i);
  expect(seen.closed).toBe(false);
});

it('serves a deleted cluster while a call to it is under way, and lets nobody create it again meanwhile', async () => {
  const [one, other] = [await holdingShard('text/plain'), await holdingShard('text/plain')];
  const config = { drain: { longLivedAfter: '10m' } };
  const { router, registry } = await start([one.port], 1, {
    route: { watch: [] },
    upstream: { protocol: 'http1' },
    config,
  });
  const call = watchOverHttp1(router, 'text/plain');
  await vi.waitFor(() => expect(one.answers).toHaveLength(1), PATIENCE);
  await registry.topologies.delete({ namespace: 'default', cluster: 'docs' });
  const makeAnew = (patienceMs: number): Promise<unknown> =>
    changeTopology(registry, draft([other.port]), { expected: null, reason: '', candidate: 'test', clock, patienceMs });
  await expect(makeAnew(2000)).rejects.toThrow(/^.* router .* may still serve what was deleted at version 1/);
  one.answers[0]?.end('done');
  await makeAnew(PATIENCE.timeout);
  expect(call.text).toContain('done');
});

it('ends between two messages, and never inside one', async () => {
  const contentType = 'application/connect+json';
  const [one, other] = [await holdingShard(contentType), await holdingShard(contentType)];
  const { router, registry } = await start([one.port], 1, { upstream: { protocol: 'http1' } });
  const seen = watchOverHttp1(router, contentType);
  await vi.waitFor(() => expect(one.answers).toHaveLength(1), PATIENCE);
  const [first, second] = [envelope(0, '{"message":"first"}'), envelope(0, '{"message":"second"}')];
  one.answers[0]?.write(first.subarray(0, 9));
  await vi.waitFor(() => expect(seen.text).toContain('{"me'), PATIENCE);
  await registry.topologies.commit(draft([other.port]));
  // It has been told to leave, and waits for the message to come to its end.
  await vi.waitFor(async () => expect(await metric(router, 'keyway_drained_streams_total')).toBe(1), PATIENCE);
  expect(await metric(router, 'keyway_draining_streams')).toBe(1);
  one.answers[0]?.write(Buffer.concat([first.subarray(9), second]));
  await vi.waitFor(() => expect(seen.text.endsWith('0\r\n\r\n')).toBe(true), PATIENCE);
  const content = seen.text.replaceAll(/\r\n[0-9a-f]+\r\n/g, '');
  expect(content).toContain('{"message":"first"}');
  expect(content).not.toContain('second');
  expect(content).toContain('the key has moved');
});

it('resets what has a message under way for longer than the grace', async () => {
  const contentType = 'application/connect+json';
  const [one, other] = [await holdingShard(contentType), await holdingShard(contentType)];
  const drain = { window: '0s', grace: '200ms' };
  const { router, registry } = await start([one.port], 1, { upstream: { protocol: 'http1' }, config: { drain } });
  const seen = watchOverHttp1(router, contentType);
  await vi.waitFor(() => expect(one.answers).toHaveLength(1), PATIENCE);
  one.answers[0]?.write(envelope(0, '{"message":"first"}').subarray(0, 9));
  await vi.waitFor(() => expect(seen.text).toContain('{"me'), PATIENCE);
  await registry.topologies.commit(draft([other.port]));
  await vi.waitFor(() => expect(seen.closed).toBe(true), PATIENCE);
  expect(seen.text.endsWith('0\r\n\r\n')).toBe(false);
});

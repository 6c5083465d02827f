import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  connect,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { promisify } from 'node:util';
import { type ClientDuplexStream, type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { eventually, metric, type RouterUnderTest } from '../support/cluster.ts';
import { type EchoBackend, echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { freePorts, KEYWAY, Scope } from '../support/processes.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
afterEach(() => scope.release());

type Echo = ReturnType<typeof echoClient>;

async function startEcho(shards = 3): Promise<{ router: RouterUnderTest; backends: EchoBackend[]; client: Echo }> {
  const backends = await Promise.all(Array.from({ length: shards }, (_, i) => startEchoBackend(scope, `s${i}`)));
  const router = await shared.configured({ shards: backends.map(({ port }) => port) });
  return { router, backends, client: echoClient(scope, router.endpoint) };
}

interface UnaryOutcome {
  error: ServiceError | null;
  message: string;
  headers: Metadata;
  trailers: Metadata;
}

function unary(client: Echo, message: string, metadata: Metadata, deadlineMs = 20_000): Promise<UnaryOutcome> {
  return new Promise((resolve) => {
    let headers = new Metadata();
    let trailers = new Metadata();
    let answer: { error: ServiceError | null; message: string } | null = null;
    const options = { deadline: Date.now() + deadlineMs };
    const call = (client.unary as CallableFunction)(
      Buffer.from(message),
      metadata,
      options,
      (error: ServiceError | null, reply?: Buffer) => {
        answer = { error, message: reply?.toString() ?? '' };
      },
    );
    call.on('metadata', (received: Metadata) => {
      headers = received;
    });
    call.on('status', (received: { metadata: Metadata }) => {
      trailers = received.metadata;
      setImmediate(() => resolve({ ...(answer as unknown as UnaryOutcome), headers, trailers }));
    });
  });
}

it('sends each key to the shard that `keyway explain` names', async () => {
  const { router, client } = await startEcho();
  const keys = Array.from({ length: 60 }, (_, i) => `project-${i % 7}/document-${i}`);
  const { stdout } = await promisify(execFile)(process.execPath, [
    KEYWAY,
    'explain',
    '--config',
    router.config,
    '--json',
    ...keys,
  ]);
  const named = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { shard: string }).shard);
  const reached = await Promise.all(keys.map((key) => unary(client, 'hello', keyed(key))));
  expect(reached.map(({ headers }) => headers.get('x-backend')[0])).toEqual(named);
  expect(new Set(named).size).toBe(3);
});

it('carries metadata in both directions, trailers, and messages of any size', async () => {
  const { client } = await startEcho(1);
  const binary = Buffer.from([0, 255, 10, 13, 128]);
  const large = 'x'.repeat(1_000_000);
  const outcome = await unary(client, large, keyed('k', { 'x-echo': 'text', 'x-echo-bin': binary }));
  expect(outcome.error).toBeNull();
  expect(outcome.message).toBe(large);
  expect(outcome.headers.get('x-echo-bin')).toEqual([binary]);
  expect(outcome.trailers.get('x-echo')).toEqual(['text']);
});

it("passes a shard's error with its message and trailers", async () => {
  const { client } = await startEcho(1);
  const { error, trailers } = await unary(client, 'fail', keyed('k', { 'x-echo': 'why' }));
  expect(error?.code).toBe(status.FAILED_PRECONDITION);
  expect(error?.details).toBe('as asked: 100% “so”');
  expect(trailers.get('x-echo')).toEqual(['why']);
});

it('streams in either direction and in both', async () => {
  const { client } = await startEcho(1);
  const collected = await new Promise<string>((resolve, reject) => {
    const call = (client.clientStream as CallableFunction)(keyed('k'), (error: Error | null, reply: Buffer) =>
      error === null ? resolve(reply.toString()) : reject(error),
    );
    for (let i = 0; i < 100; i++) call.write(Buffer.from(`${i},`));
    call.end();
  });
  expect(collected).toBe(Array.from({ length: 100 }, (_, i) => `${i},`).join(''));

  const served = (client.serverStream as CallableFunction)(
    Buffer.from('500'),
    keyed('k'),
  ) as ClientReadableStream<Buffer>;
  const received: number[] = [];
  for await (const part of served) received.push(Number(part));
  expect(received).toEqual(Array.from({ length: 500 }, (_, i) => i));

  const both = (client.bidi as CallableFunction)(keyed('k')) as ClientDuplexStream<Buffer, Buffer>;
  for (let i = 0; i < 20; i++) {
    both.write(Buffer.from(`ping ${i}`));
    const [pong] = (await once(both, 'data')) as [Buffer];
    expect(pong.toString()).toBe(`ping ${i}`);
  }
  both.end();
  both.resume();
  await once(both, 'end');
});

it("tells the shard of a client's cancel", async () => {
  const { client, backends } = await startEcho(1);
  const call = (client.serverStream as CallableFunction)(
    Buffer.from('hang'),
    keyed('k'),
  ) as ClientReadableStream<Buffer>;
  await once(call, 'data');
  call.on('error', () => {});
  call.cancel();
  await eventually(() => backends[0]?.cancelled.includes('k') === true);
});

it('refuses a call without a shard key, naming the header, and one without a route', async () => {
  const [backend] = [await startEchoBackend(scope, 's0')];
  const router = await shared.configured({
    shards: [backend.port],
    routes: [{ match: { prefix: '/test.Echo/Unary' }, cluster: 'docs' }],
  });
  const client = echoClient(scope, router.endpoint);
  const missing = await unary(client, 'hello', new Metadata());
  expect(missing.error?.code).toBe(status.INVALID_ARGUMENT);
  expect(missing.error?.details).toContain('x-shard-key');
  const empty = await unary(client, 'hello', keyed(''));
  expect(empty.error?.code).toBe(status.INVALID_ARGUMENT);
  const unrouted = (client.serverStream as CallableFunction)(
    Buffer.from('1'),
    keyed('k'),
  ) as ClientReadableStream<Buffer>;
  unrouted.resume();
  const [error] = (await once(unrouted, 'error')) as [ServiceError];
  expect(error.code).toBe(status.UNIMPLEMENTED);
  expect(backend.calls).toEqual([]);
});

it('says that an owner is down, naming the shard, and asks no other', async () => {
  const alive = await startEchoBackend(scope, 's0');
  const [dead] = (await freePorts(1)) as [number];
  const router = await shared.configured({ shards: [alive.port, dead] });
  const client = echoClient(scope, router.endpoint);
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, i) => unary(client, 'hello', keyed(`key-${i}`))));
  const failed = outcomes.filter(({ error }) => error !== null);
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBeLessThan(40);
  for (const { error } of failed) {
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(error?.details).toContain('shard s1');
  }
  expect(alive.calls.length).toBe(40 - failed.length);
});

it('does not connect to a dead shard for each request, and finds it once it is back', async () => {
  const [port] = (await freePorts(1)) as [number];
  const router = await shared.configured({ shards: [port] });
  const client = echoClient(scope, router.endpoint);
  for (let i = 0; i < 40; i++) expect((await unary(client, 'hello', keyed('k'))).error?.code).toBe(status.UNAVAILABLE);
  // Each failure lengthens the pause before the next attempt: forty requests have seen few.
  const failures = await metric(router, 'keyway_shard_connect_failures_total{cluster="docs",shard="s0"}');
  expect(failures).toBeGreaterThan(0);
  expect(failures).toBeLessThan(10);
  await startEchoBackend(scope, 's0', port);
  await eventually(async () => (await unary(client, 'hello', keyed('k'))).error === null);
});

it('routes by method, host and header, makes the key of a pattern, and changes headers on the way', async () => {
  const backends = await Promise.all(['s0', 's1', 's2'].map((name) => startEchoBackend(scope, name)));
  const router = await shared.configured({
    shards: backends.map(({ port }) => port),
    routes: [
      {
        match: { regex: '^/test\\.Echo/', methods: ['POST'], headers: { 'x-tier': { exact: 'gold' } } },
        cluster: 'docs',
        shardKey: [{ header: 'x-shard-key', pattern: '^([^/]+)/' }, { value: 'without-project' }],
        headers: {
          request: { set: { 'x-echo': 'set' }, add: { 'x-echo': 'added' }, remove: ['x-tier'] },
          response: { set: { 'x-backend': 'hidden' }, add: { 'x-more': 'yes' } },
        },
      },
      { match: { prefix: '/' }, cluster: 'docs', shardKey: { value: 'everything else' } },
    ],
  });
  const client = echoClient(scope, router.endpoint);
  const gold = { 'x-tier': 'gold', 'x-echo': 'from the client' };
  for (let i = 0; i < 20; i++) {
    const { error, headers, trailers } = await unary(client, 'hello', keyed(`one-project/document-${i}`, gold));
    expect(error).toBeNull();
    expect(trailers.get('x-echo').join()).toMatch(/^set, ?added$/);
    expect(headers.get('x-backend')).toEqual(['hidden']);
    expect(headers.get('x-more')).toEqual(['yes']);
    expect(String(headers.get('x-seen')[0])).not.toContain('x-tier');
  }
  expect(backends.filter(({ calls }) => calls.length > 0).length).toBe(1);
  const other = await unary(client, 'hello', keyed('any'));
  expect(other.headers.get('x-backend')).not.toEqual(['hidden']);
  expect((await unary(client, 'hello', keyed('no slash', gold))).error).toBeNull();
});

it("believes none of a client's x-keyway headers", async () => {
  const { client } = await startEcho(1);
  const { headers } = await unary(client, 'hello', keyed('k', { 'x-keyway-version': '7', 'x-keyway-shard': 's9' }));
  expect(String(headers.get('x-seen')[0])).not.toContain('x-keyway');
});

async function startPlain(answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
  const server = createHttp2Server();
  server.on('stream', answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const router = await shared.configured({ shards: [(server.address() as { port: number }).port] });
  return router;
}

it('ends a call at its grpc-timeout itself, and tells the shard', async () => {
  let resetCode = 0;
  // Neither end keeps the deadline: the one that answers is the router.
  const router = await startPlain((stream) => {
    stream.on('error', () => {});
    stream.on('close', () => {
      resetCode = stream.rstCode;
    });
  });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request({
    ':method': 'POST',
    ':path': '/test.Echo/Unary',
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-shard-key': 'late',
    'grpc-timeout': '100m',
  });
  request.end(Buffer.from([0, 0, 0, 0, 4, ...Buffer.from('hang')]));
  const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
  expect(headers['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED));
  await eventually(() => resetCode === 8);
  expect(await metric(router, 'keyway_refusals_total{reason="deadline"}')).toBe(1);
});

it("ends a request at its route's timeout, where that is sooner", async () => {
  const backend = await startEchoBackend(scope, 's0');
  const router = await shared.configured({
    shards: [backend.port],
    routes: [{ match: { prefix: '/' }, cluster: 'docs', timeout: '100ms' }],
  });
  const { error } = await unary(echoClient(scope, router.endpoint), 'hang', keyed('k'));
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
  expect(await metric(router, 'keyway_refusals_total{reason="deadline"}')).toBe(1);
});

it('passes informational responses, request trailers and resets', async () => {
  let requestTrailers: IncomingHttpHeaders = {};
  const router = await startPlain((stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] === '/reset') {
      stream.close(0xb);
      return;
    }
    stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
    stream.on('trailers', (trailers) => {
      requestTrailers = trailers;
    });
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end('done');
    });
    stream.resume();
  });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request(
    { ':method': 'POST', ':path': '/', 'x-shard-key': 'k' },
    { waitForTrailers: true, endStream: false },
  );
  request.on('wantTrailers', () => request.sendTrailers({ 'x-last': 'one' }));
  const informed = once(request, 'headers') as Promise<[IncomingHttpHeaders]>;
  request.end('body');
  const [response] = (await once(request, 'response')) as [IncomingHttpHeaders];
  const [early] = await informed;
  expect(early[':status']).toBe(103);
  expect(response[':status']).toBe(200);
  expect(requestTrailers['x-last']).toBe('one');

  const reset = session.request({ ':path': '/reset', 'x-shard-key': 'k' });
  reset.on('error', () => {});
  await new Promise((resolve) => reset.on('close', resolve));
  expect(reset.rstCode).toBe(0xb);
});

it('opens more connections when a shard allows few streams on one', async () => {
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 10 } });
  let sessions = 0;
  let open = 0;
  let waiting: ServerHttp2Stream[] = [];
  server.on('session', () => sessions++);
  server.on('stream', (stream: ServerHttp2Stream) => {
    waiting.push(stream);
    open++;
    // Nobody is answered before forty are there: ten streams a connection make that at least four.
    if (open < 40) return;
    for (const each of waiting) {
      each.respond({ ':status': 200 });
      each.end();
    }
    waiting = [];
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const router = await shared.configured({ shards: [(server.address() as { port: number }).port] });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const statuses = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
      const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
      return headers[':status'];
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(sessions).toBeGreaterThanOrEqual(4);
});

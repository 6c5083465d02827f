import { once } from 'node:events';
import { createServer as createHttp1 } from 'node:http';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcp, type Server as TcpServer } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { overHttp1, overHttp2 } from '../support/http-client.ts';
import { freePorts, Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const QUICK = { interval: '50ms', timeout: '500ms', unhealthyAfter: 2, healthyAfter: 1 };
const isSick = async (router: RouterUnderTest): Promise<boolean> =>
  (await metric(router, 'keyway_shard_unhealthy{cluster="docs",shard="s0"}')) === 1;

async function listening<S extends TcpServer>(server: S, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return (server.address() as { port: number }).port;
}

describe('a shard that says itself that it is unhealthy gets no requests until it is healthy', () => {
  it.each(['http1', 'http2'] as const)('by a GET over %s', async (protocol) => {
    let status = 200;
    let others = 0;
    const seen = (path: string): number => {
      if (path !== '/healthz') others++;
      return path === '/healthz' ? status : 200;
    };
    const server =
      protocol === 'http1'
        ? createHttp1((request, response) => {
            response.statusCode = seen(request.url ?? '');
            response.end();
          })
        : createServer((request, response) => {
            response.statusCode = seen(request.url);
            response.end();
          });
    const router = await startRouter(scope, {
      shards: [await listening(server)],
      upstream: { protocol },
      cluster: { health: { active: { http: { path: '/healthz' }, ...QUICK } } },
    });
    expect((await overHttp1(router, '/')).status).toBe(200);
    status = 500;
    await eventually(() => isSick(router));
    const refused = await overHttp1(router, '/');
    expect(refused.status).toBe(503);
    expect(refused.text).toMatch(/shard s0 .* is unavailable: its health check fails: status 500/);
    expect(others).toBe(1);
    const grpc = await overHttp2(scope, router, { 'content-type': 'application/grpc' }, 'x');
    expect(grpc.headers['grpc-status']).toBe('14');
    status = 200;
    await eventually(async () => !(await isSick(router)));
    expect((await overHttp1(router, '/')).status).toBe(200);
  });

  it("by gRPC's health protocol, for a service", async () => {
    const health = new HealthImplementation({ docs: 'SERVING' });
    const server = new GrpcServer();
    health.addToServer(server);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    scope.defer(() => server.forceShutdown());
    const active = { grpc: { service: 'docs' }, ...QUICK };
    const router = await startRouter(scope, { shards: [port], cluster: { health: { active } } });
    health.setStatus('docs', 'NOT_SERVING');
    await eventually(() => isSick(router));
    expect((await overHttp1(router, '/')).text).toMatch(/its health check fails: NOT_SERVING/);
    health.setStatus('docs', 'SERVING');
    await eventually(async () => !(await isSick(router)));
  });

  it('by a connection that can be made', async () => {
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.resume();
    });
    const port = await listening(server);
    const router = await startRouter(scope, { shards: [port], cluster: { health: { active: { tcp: {}, ...QUICK } } } });
    await new Promise((resolve) => server.close(resolve));
    await eventually(() => isSick(router));
    expect((await overHttp1(router, '/')).text).toMatch(/its health check fails: .*ECONNREFUSED/);
    await listening(server, port);
    await eventually(async () => !(await isSick(router)));
  });
});

describe('what happens to requests says something about a shard too', () => {
  const startFailing = async (): Promise<{ port: number; heal: () => void; requests: () => number }> => {
    let status = 503;
    let requests = 0;
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      requests++;
      stream.respond({ ':status': status });
      stream.end();
      stream.resume();
    });
    const heal = (): void => {
      status = 200;
    };
    return { port: await listening(server), heal, requests: () => requests };
  };

  it('failures in a row eject it, for longer each time', async () => {
    const { port, heal, requests } = await startFailing();
    const passive = { consecutiveFailures: 3, ejection: '300ms', maxEjection: '1s' };
    const router = await startRouter(scope, { shards: [port], cluster: { health: { passive } } });
    const failUntilEjected = async (): Promise<number> => {
      for (let i = 0; i < 3; i++) expect((await overHttp1(router, '/')).status).toBe(503);
      const { text } = await overHttp1(router, '/');
      return Number(/ejected for (\d+) ms, because it failed 3 times in a row/.exec(text)?.[1]);
    };
    const first = await failUntilEjected();
    expect(requests()).toBe(3);
    await eventually(async () => !(await isSick(router)));
    const second = await failUntilEjected();
    expect(first).toBeLessThanOrEqual(330);
    expect(second).toBeGreaterThanOrEqual(540);
    heal();
    await eventually(async () => (await overHttp1(router, '/')).status === 200);
  });

  it('a share of successes far below the other shards’ ejects it, and its keys go nowhere else', async () => {
    const failing = await startFailing();
    const others = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startHttpBackend(scope, name, 'http2')));
    const successRate = { minimumRequests: 5, standardDeviations: 1.5, interval: '300ms' };
    const router = await startRouter(scope, {
      shards: [failing.port, ...others.map(({ port }) => port)],
      cluster: { health: { passive: { consecutiveFailures: 0, successRate, ejection: '1m' } } },
    });
    const ask = (i: number) => overHttp1(router, '/', { headers: { 'x-shard-key': `key-${i}` } });
    await eventually(async () => {
      for (let i = 0; i < 60; i++) await ask(i);
      return isSick(router);
    });
    const [before, served] = [failing.requests(), others.map(({ requests }) => requests.length)];
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.text).toMatch(/ejected for \d+ ms, because 0% of its requests succeed/);
    expect(failing.requests()).toBe(before);
    const now = others.map(({ requests }) => requests.length);
    expect(now.reduce((sum, each) => sum + each, 0)).toBe(
      served.reduce((sum, each) => sum + each, 0) + 60 - refused.length,
    );
  });
});

describe('waiting for an owner that is down', () => {
  it.each(['http2', 'http1', 'auto'] as const)('has requests served when it comes back (%s)', async (protocol) => {
    const [port] = (await freePorts(1)) as [number];
    const router = await startRouter(scope, {
      shards: [port],
      upstream: { protocol },
      cluster: { waitForOwner: '30s' },
    });
    const waiting = Promise.all([
      overHttp1(router, '/'),
      overHttp1(router, '/echo', { method: 'POST' }, 'content'),
      overHttp2(scope, router, { ':path': '/echo' }, 'content'),
    ]);
    await eventually(async () => (await metric(router, 'keyway_shard_held_requests{cluster="docs",shard="s0"}')) === 3);
    await startHttpBackend(scope, 's0', protocol === 'http2' ? 'http2' : 'http1', port);
    const answers = await waiting;
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ text }) => text).slice(1)).toEqual(['content', 'content']);
  });

  it('ends when its time is over, or when the client goes', async () => {
    const [port] = (await freePorts(1)) as [number];
    const router = await startRouter(scope, { shards: [port], cluster: { waitForOwner: '200ms' } });
    const answer = await overHttp1(router, '/');
    expect(answer.status).toBe(503);
    expect(answer.text).toMatch(/ECONNREFUSED/);
    await expect(overHttp1(router, '/', { signal: AbortSignal.timeout(50) })).rejects.toThrow();
    await eventually(async () => (await metric(router, 'keyway_shard_held_requests{cluster="docs",shard="s0"}')) === 0);
  });
});

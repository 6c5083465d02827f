import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import type { LoadReport } from '../../src/load/index.ts';
import { startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { freePorts, Scope } from '../support/processes.ts';

const PROTO = fileURLToPath(new URL('../../protos/keyway/shard/v1/documents.proto', import.meta.url));
const PUT = ['--grpc', 'keyway.shard.v1.Documents/Put', '--proto', PROTO];
const VALUE = '{"key": "{{key}}", "value": "aGVsbG8="}';

const scope = new Scope();
const commands = new Commands('');
afterEach(() => scope.release());

/** A load, and what its report says. */
async function loaded(...args: string[]): Promise<{ code: number; out: string; error: string; report: LoadReport }> {
  const file = join(scope.folder(), 'report.json');
  const outcome = await commands.runApart('load', ...args, '--json', file);
  return { ...outcome, report: JSON.parse(readFileSync(file, 'utf8')) as LoadReport };
}

/** An HTTP/2 backend that answers as a test says. */
async function backend(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<{ readonly address: string }> {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    // What a test resets is no fault.
    stream.on('error', () => {});
    answer(stream as ServerHttp2Stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => server.close());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const ok = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200 });
  stream.end('ok');
};

it('calls a sharded backend by gRPC through a router, and says which shard has answered how much', async () => {
  const data = join(scope.folder(), 'documents.sqlite');
  const ports = await freePorts(2);
  for (const [i, port] of ports.entries())
    await scope
      .keyway(['backend', '--id', `s${i}`, '--listen', `127.0.0.1:${port}`, '--data', data])
      .printed(/listening on/);
  const router = await startRouter(scope, { shards: ports });
  const args = [router.endpoint, ...PUT, '--data', VALUE, '--rate', '200', '--duration', '3s', '--warm-up', '500ms'];
  const { code, out, error, report } = await loaded(...args, '--projects', '5', '--documents', '20', '--seed', '7');
  expect(code).toBe(0);
  expect(report.errors).toBe(0);
  expect(report.statuses).toEqual({ OK: report.requests });
  expect(Math.abs(report.requests - 600)).toBeLessThan(150);
  expect(Object.keys(report.shards).sort()).toEqual(['s0', 's1']);
  expect((report.shards.s0 ?? 0) + (report.shards.s1 ?? 0)).toBe(report.requests);
  expect(report.imbalance).toBeGreaterThanOrEqual(1);
  expect(report.series.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(300);
  expect(out).toContain('keyway.shard.v1.Documents/Put at 127.0.0.1:');
  expect(out).toMatch(/status +OK +\d+ +100\.0%/);
  expect(error).toMatch(/^ +1 s {2}\d+\/s +p50 [\d.]+ ms/m);
});

it('shows a stall of a second in the tail, though few requests were sent into it', async () => {
  let stalledUntil = 0;
  let first = 0;
  const { address } = await backend((stream) => {
    const now = performance.now();
    if (first === 0) first = now;
    if (stalledUntil === 0 && now - first > 1500) stalledUntil = now + 1000;
    if (now >= stalledUntil) ok(stream);
    else setTimeout(() => ok(stream), stalledUntil - now);
  });
  const args = [address, '--http', 'GET /', '--rate', '500', '--spread', 'even', '--duration', '4s', '--warm-up', '0'];
  const { report } = await loaded(...args);
  expect(report.errors).toBe(0);
  expect(report.latencyMs.p999).toBeGreaterThan(900);
  // Everything that was due meanwhile counts, as late as it was.
  expect(report.latencyMs.p90).toBeGreaterThan(200);
  expect(report.latencyMs.p50).toBeLessThan(200);
});

it('sends what templates say, and no key but those of its file', async () => {
  const seen: string[] = [];
  const { address } = await backend((stream, headers) => {
    let body = '';
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on('end', () => {
      seen.push(`${headers[':method']} ${headers[':path']} ${headers['x-shard-key']} ${headers['x-note']} ${body}`);
      ok(stream);
    });
  });
  const keys = scope.file('keys', 'a/b\n\nc/d\n');
  const args = [
    address,
    '--http',
    'POST /n/{{project}}',
    '--data',
    '{{document}} {{random 5 5}}',
    '--header',
    'X-Note: n{{seq}}',
  ];
  const { report } = await loaded(
    ...args,
    '--keys',
    keys,
    '--distribution',
    'sequential',
    '--users',
    '1',
    '--duration',
    '300ms',
    '--warm-up',
    '0',
  );
  expect(seen.slice(0, 3)).toEqual(['POST /n/a a/b n0 b 5', 'POST /n/c c/d n1 d 5', 'POST /n/a a/b n2 b 5']);
  expect(seen.length).toBe(report.requests);
});

it('counts errors by what went wrong, continues without its target, and ends with 1 if asked to', async () => {
  const { address } = await backend((stream, { ':path': path }) => {
    if (path === '/reset') stream.close(2);
    else if (path !== '/silent') {
      stream.respond({ ':status': 503 }, { endStream: true });
    }
  });
  const short = ['--rate', '100', '--duration', '500ms', '--warm-up', '0', '--timeout', '300ms'];
  const refused = await loaded(address, '--http', 'GET /', ...short, '--fail-on', 'errors>0,p99>5s');
  expect(refused.code).toBe(1);
  expect(refused.error).toMatch(/keyway: errors>0: it is \d+\n$/);
  expect(refused.report.statuses).toEqual({ 503: refused.report.requests });
  const expected = await loaded(address, '--http', 'GET /', ...short, '--ok', '503', '--fail-on', 'errors>0');
  expect(expected).toMatchObject({ code: 0, report: { errors: 0 } });
  expect((await loaded(address, '--http', 'GET /reset', ...short)).report.statuses).toEqual({
    'reset: InternalError': expect.any(Number),
  });
  const silent = await loaded(address, '--http', 'GET /silent', ...short);
  expect(silent.report.statuses).toEqual({ timeout: silent.report.requests });
  expect(silent.report.latencyMs.p50).toBeGreaterThan(290);
  const [port] = await freePorts(1);
  // Nor is there a registry whose changes could be marked.
  const registry = ['--registry', `127.0.0.1:${port}`];
  const away = await commands.runApart('load', `127.0.0.1:${port}`, '--http', 'GET /', ...short, ...registry);
  expect(away).toMatchObject({ code: 1, error: expect.stringContaining('nothing listens there') });
});

it('sends again, once, what a server says that it has not begun with', async () => {
  let refusals = 0;
  const { address } = await backend((stream, { ':path': path }) => {
    // REFUSED_STREAM: each other request, or all of them.
    if (path !== '/never' && refusals++ % 2 === 1) ok(stream);
    else stream.close(7);
  });
  const short = ['--users', '1', '--connections', '1', '--duration', '500ms', '--warm-up', '0'];
  const once = await loaded(address, '--http', 'GET /', ...short);
  expect(once.report.statuses).toEqual({ 200: once.report.requests });
  expect(refusals).toBeGreaterThanOrEqual(2 * once.report.requests);
  const never = await loaded(address, '--http', 'GET /never', ...short);
  expect(never.report.statuses).toEqual({ 'reset: RefusedStream': never.report.requests });
});

it('sends no more than it may at once, and says so', async () => {
  const { address } = await backend(() => {});
  const args = [
    address,
    '--http',
    'GET /',
    '--rate',
    '500',
    '--duration',
    '500ms',
    '--warm-up',
    '0',
    '--timeout',
    '400ms',
  ];
  const { report } = await loaded(...args, '--in-flight', '10');
  expect(Object.keys(report.statuses).sort()).toEqual(['not sent: 10 are in flight', 'timeout']);
});

it('ends in order when it is interrupted, with the report so far', async () => {
  const { address } = await backend((stream) => ok(stream));
  const file = join(scope.folder(), 'report.json');
  const running = scope.keyway([
    'load',
    address,
    '--http',
    'GET /',
    '--rate',
    '200',
    '--duration',
    '1m',
    '--warm-up',
    '0',
    '--json',
    file,
  ]);
  await running.printed(/^ +1 s {2}/m);
  running.child.kill('SIGINT');
  expect(await running.exit()).toBe(0);
  const report = JSON.parse(readFileSync(file, 'utf8')) as LoadReport;
  expect(report.requests).toBeGreaterThan(100);
  expect(report.errors).toBe(0);
  expect(report.seconds).toBeLessThan(30);
  expect(running.output).toMatch(/^requests +\d+ in [\d.]+ s/m);
});

it('refuses what may be a slip, and says what is wrong with the rest', async () => {
  const fault = async (...args: string[]): Promise<string> => {
    const { code, error } = await commands.runApart('load', ...args);
    expect(code).toBe(2);
    return error;
  };
  expect(await fault('10.0.0.1:80', '--http', 'GET /')).toBe(
    'keyway: 10.0.0.1:80 is another machine; if that is intended, add --yes-remote\n',
  );
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--rate', '100..30000')).toMatch(/30000 .* add --no-limit/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--users', '2000')).toMatch(/2000 users .* add --no-limit/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--connect', 'a.B/C')).toMatch(/or several with --plan/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--at', '5s')).toMatch(/write a time and a command: --at 30s/);
  expect(await fault('127.0.0.1:1', '--mix', 'put')).toMatch(/write each call with its weight/);
  expect(await fault('127.0.0.1:1', '--check', '--rate', '20000', '--duration', '1h')).toMatch(/--check keeps 5000000/);
  expect(await fault('127.0.0.1:1', '--ca', 'x.pem', '--http', 'GET /')).toMatch(/for https:\/\/ targets/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /{{nmae}}')).toMatch(
    /:path, character 2: \{\{nmae\}\} is not one of/,
  );
  expect(await fault('127.0.0.1:1', '--http', '/')).toMatch(/write a request such as 'GET \/notes/);
  expect(await fault('127.0.0.1:1', '--grpc', 'a.B/C', '--proto', PROTO)).toMatch(
    /has no method a\.B\/C; it has keyway\.shard/,
  );
  expect(await fault('127.0.0.1:1', ...PUT, '--data', '{"key":')).toMatch(/the data is not a request of .*Put/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--rate', 'fast')).toMatch(/write requests a second/);
  expect(await fault('127.0.0.1:1', '--http', 'GET /', '--fail-on', 'p98>1ms')).toMatch(/is not a condition/);
});

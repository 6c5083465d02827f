/** What `keyway load` calls: every kind of gRPC method, Connect, HTTP/1.1, from every kind of schema. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { afterEach, expect, it } from 'vitest';
import type { LoadReport } from '../../src/load/index.ts';
import { Commands } from '../support/commands.ts';
import { Scope } from '../support/processes.ts';
import { startYorkieBackend } from '../support/yorkie-backend.ts';

const PROTO = `
syntax = "proto3";
package notes.v1;
service Notes {
  rpc Say(Note) returns (Note);
  rpc Collect(stream Note) returns (Note);
  rpc Tell(Note) returns (stream Note);
  rpc Talk(stream Note) returns (stream Note);
}
message Note {
  message Tag { string tag_name = 1; }
  string text_line = 1;
  int64 number = 2;
  repeated Tag tags = 3;
}
`;

/** The same as protoc 3.21 describes it: `protoc -I . --descriptor_set_out=/dev/stdout --include_imports notes.proto | base64`. */
const DESCRIPTORS = `
CtsCCgtub3Rlcy5wcm90bxIIbm90ZXMudjEihQEKBE5vdGUSGwoJdGV4dF9saW5lGAEgASgJUgh0ZXh0TGluZRIWCgZudW1iZXIYAiABKANSBm
51bWJlchImCgR0YWdzGAMgAygLMhIubm90ZXMudjEuTm90ZS5UYWdSBHRhZ3MaIAoDVGFnEhkKCHRhZ19uYW1lGAEgASgJUgd0YWdOYW1lMrEB
CgVOb3RlcxIlCgNTYXkSDi5ub3Rlcy52MS5Ob3RlGg4ubm90ZXMudjEuTm90ZRIrCgdDb2xsZWN0Eg4ubm90ZXMudjEuTm90ZRoOLm5vdGVzLn
YxLk5vdGUoARIoCgRUZWxsEg4ubm90ZXMudjEuTm90ZRoOLm5vdGVzLnYxLk5vdGUwARIqCgRUYWxrEg4ubm90ZXMudjEuTm90ZRoOLm5vdGVz
LnYxLk5vdGUoATABYgZwcm90bzM=
`;

const scope = new Scope();
const commands = new Commands('');
afterEach(() => scope.release());

const QUICK = ['--users', '1', '--connections', '1', '--duration', '300ms', '--warm-up', '0', '--timeout', '3s'];

async function loaded(...args: string[]): Promise<{ code: number; out: string; error: string; report: LoadReport }> {
  const file = join(scope.folder(), 'report.json');
  const outcome = await commands.run('load', ...QUICK, ...args, '--json', file);
  if (outcome.code !== 0) throw new Error(outcome.error);
  return { ...outcome, report: JSON.parse(readFileSync(file, 'utf8')) as LoadReport };
}

interface Note {
  readonly textLine: string;
  readonly number: number;
  readonly tags: ReadonlyArray<{ readonly tagName: string }>;
}

interface Notes {
  readonly address: string;
  readonly proto: string;
  /** What the service was told. */
  readonly seen: string[];
}

/** A server of all four kinds of methods. */
async function startNotes(options: { readonly reflection: boolean }): Promise<Notes> {
  const proto = scope.file('notes.proto', PROTO);
  const definition = loadSync(proto, { longs: Number, defaults: true });
  const { Notes: service } = (
    loadPackageDefinition(definition) as unknown as { notes: { v1: { Notes: ServiceClientConstructor } } }
  ).notes.v1;
  const seen: string[] = [];
  const server = new Server();
  const note = (message: Note): void => {
    seen.push([message.textLine, message.number, ...(message.tags ?? []).map(({ tagName }) => tagName)].join(' '));
  };
  server.addService(service.service as ServiceDefinition, {
    say: (call: { request: Note }, done: (error: object | null, answer?: object) => void) => {
      note(call.request);
      if (call.request.textLine === 'fail') done({ code: status.RESOURCE_EXHAUSTED, details: 'full' });
      else done(null, { textLine: 'said' });
    },
    collect: (call: NodeJS.ReadableStream, done: (error: null, answer: object) => void) => {
      let count = 0;
      call.on('data', (message: Note) => {
        note(message);
        count++;
      });
      call.on('end', () => done(null, { number: count }));
    },
    tell: (call: { request: Note } & NodeJS.WritableStream) => {
      note(call.request);
      for (let i = 0; i < 3; i++) call.write({ number: i } as unknown as string);
      call.end();
    },
    talk: (call: NodeJS.ReadWriteStream) => {
      call.on('data', (message: Note) => {
        note(message);
        call.write(message as unknown as string);
      });
      call.on('end', () => call.end());
    },
  });
  if (options.reflection) new ReflectionService(definition).addToServer(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  scope.defer(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, proto, seen };
}

it('calls gRPC methods of all four kinds', async () => {
  const { address, proto, seen } = await startNotes({ reflection: false });
  const call = (method: string, ...args: string[]) =>
    loaded(address, '--grpc', `notes.v1.Notes/${method}`, '--proto', proto, ...args);
  // Names as in the file and as in JSON, nested messages, numbers as text: protobuf's JSON.
  const say = await call(
    'Say',
    '--data',
    '{"text_line": "a{{seq}}", "number": "7", "tags": [{"tagName": "t"}]}',
    '--duration',
    '1s',
  );
  expect(say.report.statuses).toEqual({ OK: say.report.requests });
  expect(seen.splice(0).slice(0, 2)).toEqual(['a0 7 t', 'a1 7 t']);

  const collect = await call('Collect', '--data', '{"textLine": "c"}', '--messages', '3');
  expect(collect.report.statuses).toEqual({ OK: collect.report.requests });
  expect(seen.splice(0).length).toBe(3 * collect.report.requests);

  const tell = await call('Tell', '--data', '{"number": 5}');
  expect(tell.report.statuses).toEqual({ OK: tell.report.requests });
  expect(seen.splice(0)[0]).toBe(' 5');

  const spaced = ['--messages', '2', '--every', '100ms', '--keys', scope.file('keys', 'a/b\n')];
  const talk = await call('Talk', '--data', '{"textLine": "{{key}} {{seq}}"}', ...spaced);
  expect(talk.report.statuses).toEqual({ OK: talk.report.requests });
  expect(seen.slice(0, 4)).toEqual(['a/b 0 0', 'a/b 0 0', 'a/b 1 0', 'a/b 1 0']);
  expect(seen.splice(0).length).toBe(2 * talk.report.requests);
  expect(talk.report.latencyMs.p50).toBeGreaterThan(95);
});

it('knows methods from a descriptor set, and from the server itself', async () => {
  const { address, seen } = await startNotes({ reflection: true });
  const set = join(scope.folder(), 'notes.binpb');
  writeFileSync(set, Buffer.from(DESCRIPTORS, 'base64'));
  const say = ['--grpc', 'notes.v1.Notes/Say', '--data', '{"textLine": "d", "tags": [{"tagName": "x"}]}'];
  expect((await loaded(address, ...say, '--descriptors', set)).report.errors).toBe(0);
  expect(seen.splice(0)[0]).toBe('d 0 x');
  expect((await loaded(address, ...say)).report.errors).toBe(0);
  expect(seen.splice(0)[0]).toBe('d 0 x');
});

it('says what a schema does not have', async () => {
  const silent = await startNotes({ reflection: false });
  const { address, proto } = await startNotes({ reflection: true });
  const fault = async (...args: string[]): Promise<string> => {
    const { code, error } = await commands.run('load', ...args);
    expect(code).toBe(2);
    return error;
  };
  const say = ['--grpc', 'notes.v1.Notes/Say'];
  expect(await fault(silent.address, ...say)).toMatch(
    /does not serve reflection; give the \.proto file of notes\.v1\.Notes/,
  );
  expect(await fault(address, '--grpc', 'notes.v1.Nots/Say')).toMatch(/reflection does not know notes\.v1\.Nots/);
  expect(await fault(address, '--grpc', 'notes.v1.Notes/Sag')).toMatch(/the target has no method .*Sag; it has .*Say/);
  expect(await fault(address, ...say, '--proto', proto, '--data', '{"textlin": 1}')).toMatch(
    /not a request of notes\.v1\.Notes\/Say: .*textlin/,
  );
  expect(await fault(address, ...say, '--messages', '2')).toMatch(/takes one message, not 2/);
  expect(await fault(address, ...say, '--watch', '5')).toMatch(/cannot be watched/);
  expect(await fault(address, ...say, '--http1')).toMatch(/HTTP\/1\.1 cannot carry/);
  expect(await fault(address, ...say, '--revision', 'number.x')).toMatch(/a number has no field x/);
  expect(await fault(address, ...say, '--data', '{{line}}')).toMatch(/needs a file of lines: --lines/);
});

/** An HTTP/1.1 backend. */
async function startHttp1(
  answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<string> {
  const server = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    request.on('end', () => answer(request, body, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

it('speaks HTTP/1.1, with bodies and headers from a file of lines', async () => {
  const seen: string[] = [];
  const address = await startHttp1((request, body, response) => {
    const { 'x-line': line, 'content-length': length } = request.headers;
    seen.push(`${request.httpVersion} ${request.method} ${request.url} ${line} ${length} ${body}`);
    response.setHeader('x-keyway-shard', 's7').end('ok');
  });
  const lines = scope.file('lines', '{"n": 1}\n{"n": 2}\n');
  const post = ['--http1', '--http', 'POST /n', '--data', '{{line}}', '--header', 'x-line: {{line}}', '--lines', lines];
  const { report } = await loaded(address, ...post);
  expect(report.statuses).toEqual({ 200: report.requests });
  expect(report.shards).toEqual({ s7: report.requests });
  expect(seen.slice(0, 3)).toEqual([
    '1.1 POST /n {"n": 1} 8 {"n": 1}',
    '1.1 POST /n {"n": 2} 8 {"n": 2}',
    '1.1 POST /n {"n": 1} 8 {"n": 1}',
  ]);
});

it('calls Connect with JSON, one answer and a stream of them', async () => {
  const frame = (flags: number, value: object): Buffer => {
    const text = Buffer.from(JSON.stringify(value));
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE(text.length, 1);
    return Buffer.concat([head, text]);
  };
  const seen: string[] = [];
  const address = await startHttp1((request, body, response) => {
    const { 'content-type': type, 'connect-protocol-version': version } = request.headers;
    seen.push(`${request.url} ${type} ${version} ${body.replace(/^[^{]*/, '')}`);
    if (type === 'application/connect+json') {
      const isFull = body.includes('full');
      const end = isFull ? { error: { code: 'resource_exhausted' } } : {};
      response.end(Buffer.concat([frame(0, { number: 1 }), frame(2, end)]));
    } else if (body.includes('none')) response.writeHead(404).end('{"code": "not_found"}');
    else response.end('{}');
  });
  const call = (...args: string[]) => loaded(address, '--http1', '--connect', 'notes.v1.Notes/Say', ...args);
  const unary = await call('--data', '{"textLine": "a"}');
  expect(unary.report.statuses).toEqual({ ok: unary.report.requests });
  expect(seen.splice(0)[0]).toBe('/notes.v1.Notes/Say application/json 1 {"textLine": "a"}');
  const missing = await call('--data', '{"textLine": "none"}', '--ok', 'not_found');
  expect(missing.report).toMatchObject({ statuses: { not_found: missing.report.requests }, errors: 0 });
  seen.splice(0);
  const streaming = await call('--streams', '--data', '{"textLine": "s"}', '--messages', '2');
  expect(streaming.report.statuses).toEqual({ ok: streaming.report.requests });
  expect(seen.splice(0)[0]).toMatch(
    /^\/notes\.v1\.Notes\/Say application\/connect\+json 1 \{"textLine": "s"\}.+\{"textLine": "s"\}$/s,
  );
  const full = await call('--streams', '--data', '{"textLine": "full"}');
  expect(full.report.statuses).toEqual({ resource_exhausted: full.report.requests });
  expect(full.report.errors).toBe(full.report.requests);
});

it('speaks Connect with Connect’s own server, over both versions of HTTP', async () => {
  const { port, calls } = await startYorkieBackend(scope, 'y0');
  const address = `127.0.0.1:${port}`;
  const shard = ['--shard-header', 'x-backend', '--header', 'x-api-key: {{project}}'];
  for (const version of [[], ['--http1']]) {
    const call = (method: string, ...args: string[]) =>
      loaded(address, ...version, '--connect', `yorkie.v1.YorkieService/${method}`, ...shard, ...args);
    const unary = await call('ActivateClient', '--data', '{"clientKey": "{{uuid}}"}');
    expect(unary.report).toMatchObject({
      statuses: { ok: unary.report.requests },
      shards: { y0: unary.report.requests },
    });
    const refused = await call('PushPullChanges', '--data', '{"change": "fail"}');
    expect(refused.report.statuses).toEqual({ failed_precondition: refused.report.requests });
    const streaming = await call('WatchDocument', '--streams', '--data', '{"documentId": "{{document}}"}');
    expect(streaming.report.statuses).toEqual({ ok: streaming.report.requests });
  }
  expect(calls[0]?.['x-api-key']).toMatch(/^project-\d+$/);
});

it('makes the calls of a plan by their weights, each counted for itself', async () => {
  const { address } = await startNotes({ reflection: true });
  const plan = scope.file(
    'plan.yaml',
    `calls:
  say: {grpc: notes.v1.Notes/Say, data: {textLine: "{{key}}"}, weight: 3}
  fail: {grpc: notes.v1.Notes/Say, data: {textLine: fail}, ok: [RESOURCE_EXHAUSTED]}
  talk: {grpc: notes.v1.Notes/Talk, data: [{textLine: a}, {textLine: b}], weight: 0}
`,
  );
  const { report } = await loaded(address, '--plan', plan, '--seed', '1');
  const [say, fail, talk] = report.calls;
  expect(report.errors).toBe(0);
  expect([say?.name, fail?.name, talk?.requests]).toEqual(['say', 'fail', 0]);
  expect((say?.requests ?? 0) / (fail?.requests ?? 1)).toBeGreaterThan(2);
  expect(report.statuses).toEqual({ OK: say?.requests, RESOURCE_EXHAUSTED: fail?.requests });
  const mixed = await loaded(address, '--plan', plan, '--mix', 'talk=1');
  expect(mixed.report.statuses).toEqual({ OK: mixed.report.calls[2]?.requests });
  const wrong = await commands.run('load', address, '--plan', plan, '--mix', 'sayy=1');
  expect(wrong).toMatchObject({
    code: 2,
    error: 'keyway: --mix: there is no call sayy, but say, fail, talk; did you mean say?\n',
  });
  const bad = scope.file('bad.yaml', 'calls:\n  say: {grpc: Say, wieght: 3}\n');
  const { code, error } = await commands.run('load', address, '--plan', bad);
  expect(code).toBe(2);
  expect(error).toMatch(/bad\.yaml:2:15 calls\.say\.grpc: write package\.Service\/Method/);
  expect(error).toMatch(/bad\.yaml:2:20 calls\.say\.wieght: there is no such field; did you mean weight\?/);
});

import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { DocumentsClient, type WatchEvent } from '../../src/shard/index.ts';
import { eventually, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { keyed } from '../support/echo-backend.ts';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { registryOn, sqlite } from '../support/registries.ts';

const REFLECTION_PROTO = fileURLToPath(
  new URL('../../node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto', import.meta.url),
);
const scope = new Scope();
/** Three shards and a router, for all tests. */
const whole = new Scope();
let router: RouterUnderTest;
let shards: readonly Shard[];
beforeAll(async () => {
  const data = join(whole.folder(), 'documents.sqlite');
  const ports = await freePorts(3);
  shards = ports.map((port, i) => new Shard(`s${i}`, port, data));
  [router] = await Promise.all([
    startRouter(whole, { shards: ports, hashOn: 'id' }),
    ...shards.map((shard) => shard.start()),
  ]);
});
afterEach(() => scope.release());
afterAll(() => whole.release());

class Shard {
  readonly id: string;
  readonly port: number;
  readonly #data: string;
  process: Running | null = null;

  constructor(id: string, port: number, data: string) {
    this.id = id;
    this.port = port;
    this.#data = data;
  }

  async start(): Promise<void> {
    this.process = whole.keyway([
      'backend',
      '--id',
      this.id,
      '--listen',
      `127.0.0.1:${this.port}`,
      '--data',
      this.#data,
    ]);
    await this.process.printed(/listening on/);
  }
}

type Reply<Message> = { message: Message; shard: string };

function client() {
  const stub = new DocumentsClient(router.endpoint, credentials.createInsecure());
  scope.defer(() => stub.close());
  const call = <Message>(method: string, key: string, request: object): Promise<Reply<Message>> =>
    new Promise((resolve, reject) => {
      let shard = '';
      const made = (stub[method] as (...args: unknown[]) => ClientUnaryCall).call(
        stub,
        request,
        keyed(key),
        { deadline: Date.now() + 10_000 },
        (error: ServiceError | null, message: Message) => {
          if (error === null) setImmediate(() => resolve({ message, shard }));
          else reject(error);
        },
      );
      made.on('metadata', (metadata: Metadata) => {
        shard = String(metadata.get('x-keyway-shard')[0]);
      });
    });
  return {
    get: (key: string) => call<{ value: Buffer; revision: number }>('Get', key, { key }),
    put: (key: string, value: string, expectedRevision?: number) =>
      call<{ revision: number }>('Put', key, { key, value: Buffer.from(value), expectedRevision }),
    remove: (key: string) => call<{ revision: number }>('Delete', key, { key }),
    list: (prefix: string, pageSize: number, pageToken = '') =>
      call<{ documents: Array<{ key: string }>; nextPageToken: string }>('List', prefix, {
        prefix,
        pageSize,
        pageToken,
      }),
    watch: (key: string, afterRevision?: number) => {
      const events: WatchEvent[] = [];
      const stream = (stub.Watch as (...args: unknown[]) => ClientReadableStream<WatchEvent>).call(
        stub,
        { key, afterRevision },
        keyed(key),
      );
      stream.on('data', (event: WatchEvent) => events.push(event));
      const ended = new Promise<ServiceError | null>((resolve) => {
        stream.on('error', resolve);
        stream.on('end', () => resolve(null));
      });
      return { events, ended, cancel: () => stream.cancel() };
    },
  };
}

it('keeps documents, checks expected revisions, and says which shard answered', async () => {
  const documents = client();
  const first = await documents.put('demo/a', 'one');
  expect(first.shard).toMatch(/^s[012]$/);
  const { message, shard } = await documents.get('demo/a');
  expect([message.value.toString(), message.revision, shard]).toEqual(['one', first.message.revision, first.shard]);
  const second = await documents.put('demo/a', 'two', first.message.revision);
  await expect(documents.put('demo/a', 'three', first.message.revision)).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
  });
  await expect(documents.put('demo/a', 'new', 0)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  expect((await documents.remove('demo/a')).message.revision).toBeGreaterThan(second.message.revision);
  await expect(documents.get('demo/a')).rejects.toMatchObject({ code: status.NOT_FOUND });
  await expect(documents.put('no-slash', 'x')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

it('lists by prefix, a page at a time', async () => {
  const documents = client();
  const keys = Array.from({ length: 25 }, (_, i) => `list/${String(i).padStart(2, '0')}`);
  for (const key of [...keys, 'listen/other', 'other/x']) await documents.put(key, key);
  const found: string[] = [];
  let token = '';
  do {
    const { message } = await documents.list('list/', 10, token);
    found.push(...message.documents.map(({ key }) => key));
    token = message.nextPageToken;
  } while (token !== '');
  expect(found).toEqual(keys);
});

it('watches: a snapshot, then every change in order; and resumes from a revision with none missed', async () => {
  const documents = client();
  await documents.put('demo/w', '0');
  const watch = documents.watch('demo/w');
  await eventually(() => watch.events.length === 1);
  for (let i = 1; i <= 20; i++) await documents.put('demo/w', String(i));
  await documents.remove('demo/w');
  await eventually(() => watch.events.length === 22);
  expect(watch.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', ...new Array(20).fill('PUT'), 'DELETE']);
  const revisions = watch.events.map(({ document }) => document.revision);
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  const resumed = documents.watch('demo/w', revisions[15]);
  await eventually(() => resumed.events.length === 6);
  expect(resumed.events.map(({ document }) => document.revision)).toEqual(revisions.slice(16));
  watch.cancel();
  resumed.cancel();
});

it('loses no acknowledged write to kill -9, fails only what was on the killed shard, and goes on when it is back', async () => {
  const documents = client();
  const acknowledged = new Map<string, string>();
  const watches = Array.from({ length: 30 }, (_, i) => documents.watch(`demo/${i}`));
  await eventually(() => watches.every(({ events }) => events.length === 1));
  let killed = false;
  let failures = 0;
  const victim = (await documents.put('demo/0', 'start')).shard;
  const writer = async (lane: number): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      const key = `demo/${(i + lane * 7) % 30}`;
      if (lane === 0 && i === 20) {
        killed = true;
        await shards.find(({ id }) => id === victim)?.process?.end('SIGKILL');
      }
      try {
        const value = `${lane}-${i}`;
        const { message } = await documents.put(key, value);
        acknowledged.set(`${key}@${message.revision}`, value);
      } catch (error) {
        expect((error as ServiceError).code).toBe(status.UNAVAILABLE);
        expect((error as ServiceError).details).toContain(`shard ${victim}`);
        failures++;
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map(writer));
  expect(killed).toBe(true);
  expect(failures).toBeGreaterThan(0);
  const outcomes = await Promise.race([Promise.all(watches.map(({ ended }) => ended)), Promise.resolve([])]);
  expect(outcomes).toEqual([]);
  await shards.find(({ id }) => id === victim)?.start();
  // The router's back-off lets it through within moments.
  await eventually(() =>
    documents.put('demo/0', 'back').then(
      () => true,
      () => false,
    ),
  );
  for (const [place, value] of acknowledged) {
    const [key, revision] = place.split('@') as [string, string];
    const seen = documents.watch(key, Number(revision) - 1);
    await eventually(() => seen.events.length > 0);
    expect(seen.events[0]?.document.value.toString()).toBe(value);
    expect(seen.events[0]?.document.revision).toBe(Number(revision));
    seen.cancel();
  }
});

/** A client class out of a proto file, by its full name. */
function clientClass(file: string, name: string): ServiceClientConstructor {
  let found: unknown = loadPackageDefinition(loadSync(file, { enums: String }));
  for (const part of name.split('.')) found = (found as Record<string, unknown>)[part];
  return found as ServiceClientConstructor;
}

it('has gRPC health and reflection', async () => {
  const address = `127.0.0.1:${shards[0]?.port}`;
  const Health = clientClass(healthProto, 'grpc.health.v1.Health');
  const health = new Health(address, credentials.createInsecure());
  scope.defer(() => health.close());
  const reply = await new Promise((resolve, reject) => {
    const check = health.check as (...args: unknown[]) => ClientUnaryCall;
    check.call(health, { service: 'keyway.shard.v1.Documents' }, (error: Error | null, answer: unknown) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
  expect(reply).toEqual({ status: 'SERVING' });

  const Reflection = clientClass(REFLECTION_PROTO, 'grpc.reflection.v1.ServerReflection');
  const reflection = new Reflection(address, credentials.createInsecure());
  scope.defer(() => reflection.close());
  const info = reflection.serverReflectionInfo as (...args: unknown[]) => ClientDuplexStream<object, object>;
  const stream = info.call(reflection);
  stream.write({ listServices: '' });
  const [listed] = await once(stream, 'data');
  // A call that is still open when its server is stopped would fail after the test.
  stream.end();
  stream.resume();
  await once(stream, 'end');
  expect(JSON.stringify(listed)).toContain('keyway.shard.v1.Documents');
});

it('is spoken to by `keyway kv`', async () => {
  const commands = new Commands('');
  const endpoint = ['--endpoint', router.endpoint];
  const kv = (...args: string[]): Promise<string> => commands.done('kv', ...args, ...endpoint);
  const [, at = ''] =
    /^kv\/hello is at revision (\d+), on s[012]\n$/.exec(await kv('put', 'kv/hello', 'good day')) ?? [];
  expect(Number(at)).toBeGreaterThan(0);
  expect(await kv('get', 'kv/hello')).toBe('good day\n');
  expect(JSON.parse(await kv('get', 'kv/hello', '--json'))).toMatchObject({ key: 'kv/hello', value: 'good day' });
  expect(await kv('list', 'kv/')).toBe(`kv/hello\t${at}\tgood day\n`);
  const watch = scope.keyway(['kv', 'watch', 'kv/hello', ...endpoint]);
  await watch.printed(new RegExp(`snapshot\t${at}\ts[012]\tgood day`));
  await kv('put', 'kv/hello', 'good night', '--revision', at);
  await watch.printed(new RegExp(`put\t${Number(at) + 1}\ts[012]\tgood night`));
  expect(await kv('delete', 'kv/hello')).toContain(`was deleted at revision ${Number(at) + 2}`);
  expect(await commands.run('kv', 'get', 'kv/hello', ...endpoint)).toMatchObject({
    code: 1,
    error: expect.stringMatching(/NOT_FOUND/),
  });
  await watch.end();
});

it('is registered at the port that the system chose', async () => {
  const { config, open } = await sqlite(scope);
  const { members } = registryOn(open(), scope);
  const where = ['--id', 's9', '--listen', '127.0.0.1:0', '--data', join(scope.folder(), 'documents.sqlite')];
  const { path } = (config as { sqlite: { path: string } }).sqlite;
  const shard = scope.keyway(['backend', ...where, '--cluster', 'docs', '--registry', `sqlite:${path}`]);
  const [, address] = await shard.printed(/^shard s9 listening on (127\.0\.0\.1:[1-9]\d*)$/m);
  expect((await members.list('node'))[0]?.value).toMatchObject({ address });
});

import { once } from 'node:events';
import { chmodSync, statSync } from 'node:fs';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Scope } from '../../../test/support/processes.ts';
import { seeded } from '../../../test/support/random.ts';
import { PATIENCE } from '../../../test/support/registries.ts';
import { splitAddress } from '../../runtime/address.ts';
import { CountByPeer } from '../access/count-by-peer.ts';
import { Participants, tokenHash } from '../access/participants.ts';
import type { Role } from '../access/roles.ts';
import { Registry } from '../registry.ts';
import { RegistryStoreClient } from './registry-proto.ts';
import { RemoteStore } from './remote-store.ts';
import { SqliteStore } from './sqlite-store.ts';
import { type LeaseId, StoreDenied } from './store.ts';
import { StoreServer, type StoreServerOptions } from './store-server.ts';

const scope = new Scope();
afterEach(() => scope.release());

const CLUSTER = { namespace: 'default', cluster: 'docs' };
const roles: Readonly<Record<string, Role>> = {
  reader: { kind: 'read' },
  router: { kind: 'route', cluster: null },
  'other router': { kind: 'route', cluster: null },
  s0: { kind: 'shard', cluster: CLUSTER, shard: 's0' },
  person: { kind: 'administer' },
};

interface Served {
  readonly file: string;
  readonly store: SqliteStore;
  readonly address: string;
}

async function serve(
  participants: Participants,
  file = join(scope.folder(), 'registry.sqlite'),
  more: Pick<StoreServerOptions, 'connections'> = {},
): Promise<Served> {
  const store = new SqliteStore(file, () => performance.now());
  const server = new StoreServer(store, { participants, tls: null, ...more });
  scope.defer(async () => {
    server.close();
    await store.close();
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  return { file, store, address: `127.0.0.1:${port}` };
}

const byRole = (): Participants =>
  Participants.of(new Map(Object.entries(roles).map(([name, role]) => [tokenHash(name), role])));

function storeOf({ address }: Served, token?: string): RemoteStore {
  const store = new RemoteStore({ address, token });
  scope.defer(() => store.close());
  return store;
}

type Unary = (
  request: object,
  metadata: Metadata,
  answer: (error: ServiceError | null, response: unknown) => void,
) => void;

/** Calls as a foreign client might. @returns the status, and what it says */
function called({ address }: Served, method: string, request: object): Promise<string> {
  const client = new RegistryStoreClient(address, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  }) as unknown as Client & Record<string, Unary>;
  return new Promise<string>((resolve) =>
    (client[method] as Unary)(request, new Metadata(), (error) =>
      resolve(error === null ? 'OK' : `${status[error.code]}: ${error.details}`),
    ),
  ).finally(() => client.close());
}

/** How a foreign client's watch begins, or ends. */
function watched({ address }: Served, request: object): Promise<string> {
  const client = new RegistryStoreClient(address, credentials.createInsecure()) as unknown as Client &
    Record<string, (request: object) => NodeJS.EventEmitter>;
  return new Promise<string>((resolve) => {
    const watch = client.watch?.(request) as NodeJS.EventEmitter;
    watch.on('data', () => resolve('OK'));
    watch.on('error', (error: ServiceError) => resolve(`${status[error.code]}: ${error.details}`));
  }).finally(() => client.close());
}

/** Connects from one of this machine's addresses, and says whether the connection is let be. */
async function isAccepted({ address }: Served, localAddress: string): Promise<boolean> {
  const { host, port } = splitAddress(address);
  const socket = connect({ host, port, localAddress });
  scope.defer(() => socket.destroy());
  socket.on('error', () => {});
  // A server's SETTINGS are the first that it sends.
  return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
}

it('limits connections, and leaves some for other addresses', async () => {
  const connections = { inAll: 3, ofAddress: 2 };
  const served = await serve(Participants.anybody(), undefined, { connections });
  expect(await isAccepted(served, '127.0.0.2')).toBe(true);
  expect(await isAccepted(served, '127.0.0.2')).toBe(true);
  expect(await isAccepted(served, '127.0.0.2')).toBe(false);
  const store = storeOf(served);
  expect(await store.get('a')).toBe(null);
  expect(await isAccepted(served, '127.0.0.3')).toBe(false);
  await store.close();
  await vi.waitFor(async () => expect(await isAccepted(served, '127.0.0.3')).toBe(true), PATIENCE);
});

describe('what a registry is asked', () => {
  it('is bounded in every field, and each bound is reported', async () => {
    const served = await serve(Participants.anybody());
    const put = (change: object): object => ({
      conditions: [],
      changes: [{ key: 'a', value: 'x', lease: '', ...change }],
    });
    const many = (count: number): object[] =>
      Array.from({ length: count }, (_, i) => ({ key: `many/${i}`, value: 'x' }));
    const calls: ReadonlyArray<readonly [method: string, request: object, answer: RegExp]> = [
      ['get', { key: '' }, /^INVALID_ARGUMENT: key is empty$/],
      ['get', { key: 'x'.repeat(5000) }, /^INVALID_ARGUMENT: key has 5000 bytes; at most 4096$/],
      ['list', { prefix: '€'.repeat(2000) }, /^INVALID_ARGUMENT: prefix has 6000 bytes/],
      [
        'grantLease',
        { lengthMs: '4611686018427387904' },
        /^INVALID_ARGUMENT: lengthMs is 4\d+; a whole number from 1 to 3600000$/,
      ],
      ['grantLease', { lengthMs: '3600001' }, /^INVALID_ARGUMENT: lengthMs/],
      ['grantLease', { lengthMs: '0' }, /^INVALID_ARGUMENT: lengthMs/],
      ['grantLease', { lengthMs: '-5' }, /^INVALID_ARGUMENT: lengthMs/],
      ['renewLease', { lease: '1e308' }, /^INVALID_ARGUMENT: lease is not the name of a lease$/],
      ['revokeLease', { lease: '9'.repeat(50) }, /^INVALID_ARGUMENT: lease/],
      ['commit', put({ key: '' }), /^INVALID_ARGUMENT: changes\[0\]\.key is empty$/],
      ['commit', put({ value: 'x'.repeat(9_000_000) }), /^INVALID_ARGUMENT: changes\[0\]\.value has 9000000 bytes/],
      ['commit', put({ value: 'x'.repeat(17_000_000) }), /^RESOURCE_EXHAUSTED: .*larger than max/],
      ['commit', put({ lease: 'zzz' }), /^INVALID_ARGUMENT: changes\[0\]\.lease/],
      ['commit', put({ lease: '12' }), /^UNAVAILABLE: .*the lease has ended/],
      [
        'commit',
        { conditions: [{ key: 'a', revision: '9223372036854775807' }], changes: [] },
        /^INVALID_ARGUMENT: conditions\[0\]\.revision/,
      ],
      [
        'commit',
        { conditions: [{ unchanged: { prefix: 'a', since: '-1' } }], changes: [] },
        /^INVALID_ARGUMENT: conditions\[0\]\.unchanged\.since/,
      ],
      ['commit', { conditions: [], changes: many(20_000) }, /^INVALID_ARGUMENT: changes has 20000; at most 4096$/],
      ['commit', { conditions: many(5000), changes: [] }, /^INVALID_ARGUMENT: conditions has 5000/],
      ['commit', { conditions: [], changes: many(4096) }, /^OK$/],
      ['renewLease', { lease: '12' }, /^OK$/],
    ];
    for (const [method, request, answer] of calls)
      expect(await called(served, method, request), `${method} ${JSON.stringify(request).slice(0, 80)}`).toMatch(
        answer,
      );
    expect(await watched(served, { prefix: '', after: '-1' })).toMatch(/^INVALID_ARGUMENT: after/);
    expect(await watched(served, { prefix: '', after: '9223372036854775807' })).toMatch(/^INVALID_ARGUMENT: after/);
    expect(await watched(served, { prefix: 'x'.repeat(5000), after: '0' })).toMatch(/^INVALID_ARGUMENT: prefix/);
    expect(await watched(served, { prefix: 'many/', after: '1' })).toBe('OK');
  });

  it('has no field without a bound', async () => {
    const served = await serve(Participants.anybody());
    for (const [method, { requestSerialize, requestDeserialize }] of Object.entries(RegistryStoreClient.service)) {
      if (method === 'Watch' || method === 'ListInParts') continue;
      const empty = requestDeserialize(requestSerialize({})) as object;
      const whole =
        method === 'Commit' ? { conditions: [{ unchanged: {} }], changes: [{ key: 'a', value: '' }] } : empty;
      expect(await called(served, method.charAt(0).toLowerCase() + method.slice(1), whole)).not.toContain('not known');
    }
  });

  it('may be no message at all, on whatever path', async () => {
    const served = await serve(Participants.anybody());
    const random = seeded(7);
    const client = new Client(served.address, credentials.createInsecure());
    scope.defer(() => client.close());
    const paths = [...Object.values(RegistryStoreClient.service).map(({ path }) => path), '/', '//', '/x/Get', ''];
    const bytes = (): Buffer =>
      Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
    const same = (buffer: Buffer): Buffer => buffer;
    const asked = Array.from({ length: 400 }, () => {
      const path = paths[Math.floor(random() * paths.length)] as string;
      return new Promise<void>((resolve) => {
        const stream = client.makeServerStreamRequest(path, same, same, bytes(), { deadline: Date.now() + 2000 });
        stream.on('data', () => stream.cancel());
        stream.on('error', () => resolve());
        stream.on('end', () => resolve());
      });
    });
    await Promise.all(asked);
    expect(await called(served, 'get', { key: 'a' })).toBe('OK');
  });

  it('takes no more watches than a connection, and all of them, may have', () => {
    const count = new CountByPeer(2, 3);
    count.add('a');
    count.add('a');
    expect(() => count.add('a')).toThrow('this connection has 2 watches');
    count.add('b');
    expect(() => count.add('b')).toThrow('there are 3 watches');
    count.remove('a');
    count.remove('c');
    count.add('b');
    expect(() => count.add('a')).toThrow('there are 3 watches');
  });
});

it('opens a file with a lease that is longer than any may be, and lets it end', async () => {
  const { file, store } = await serve(Participants.anybody());
  await store.close();
  const database = new DatabaseSync(file);
  database.exec('INSERT INTO leases (id, length_ms, renewals) VALUES (1, 4611686018427387904, 0), (2, -7, 0)');
  database.close();
  const again = await serve(Participants.anybody(), file);
  await expect.poll(() => called(again, 'renewLease', { lease: '2' })).toBe('OK');
  expect(await storeOf(again).renewLease('1' as LeaseId)).toBe(true);
  await expect.poll(() => storeOf(again).renewLease('2' as LeaseId)).toBe(false);
});

describe('a registry whose tokens have roles', () => {
  it('refuses clients without a token', async () => {
    const served = await serve(byRole());
    for (const token of [undefined, 'guessed', tokenHash('router')]) {
      await expect(storeOf(served, token).list('')).rejects.toThrow(
        'refuses: the registry needs a token; give its file',
      );
      await expect(storeOf(served, token).commit([], [])).rejects.toThrow(StoreDenied);
    }
    expect(await watched(served, { prefix: '', after: '0' })).toMatch(/^UNAUTHENTICATED/);
  });

  it('lets each role write its own entries, and says which role is needed', async () => {
    const served = await serve(byRole());
    const [reader, router, shard, person] = ['reader', 'router', 's0', 'person'].map((name) =>
      storeOf(served, name),
    ) as [RemoteStore, RemoteStore, RemoteStore, RemoteStore];
    const put = (key: string): [[], [{ key: string; value: string }]] => [[], [{ key, value: '{}' }]];
    await person.commit(...put('namespace/team'));
    await router.commit(...put('member/router/r1'));
    await router.commit(
      [{ key: 'namespace/team', revision: 1 as never }],
      [{ key: 'handoff/team/docs/state', value: '{}' }],
    );
    await shard.commit(...put('member/node/default/docs/s0/n1'));
    expect((await reader.list('')).entries).toHaveLength(4);
    const told = (needed: string): RegExp => new RegExp(`this token has the role .*needs the role ${needed}$`);
    await expect(reader.commit([], [])).rejects.toThrow(told('route, shard or administer'));
    await expect(reader.grantLease(1000)).rejects.toThrow(told('route, shard or administer'));
    await expect(router.commit(...put('namespace/other'))).rejects.toThrow(told('administer'));
    await expect(router.commit(...put('member/node/default/docs/s0/n1'))).rejects.toThrow(
      told('shard of default/docs/s0'),
    );
    await expect(shard.commit(...put('topology/default/docs/current'))).rejects.toThrow(told('route'));
    await expect(shard.commit(...put('member/node/default/docs/s1/n1'))).rejects.toThrow(
      told('shard of default/docs/s1'),
    );
    await expect(shard.commit([], [{ key: 'member/router/r1', value: null }])).rejects.toThrow(told('route'));
    const spying = { prefix: 'topology/', unchangedSince: 1 as never };
    await expect(shard.commit([spying], [])).rejects.toThrow('to make a commit depend on topology/ needs the role');
    expect((await reader.list('')).entries).toHaveLength(4);
  });

  it('reports the reason once for a process that keeps trying', async () => {
    const registry = new Registry(storeOf(await serve(byRole()), 'reader'), {
      clock: () => 0,
      timeOfDay: () => '',
      random: Math.random,
    });
    const told: string[] = [];
    registry.onDenied((reason) => told.push(reason));
    const membership = registry.members.register('router', 'r1', {}, 10_000);
    await expect.poll(() => told).toHaveLength(1);
    await expect(registry.namespaces.create('team')).rejects.toThrow(StoreDenied);
    await membership.leave();
    expect(told).toEqual([
      expect.stringContaining('has the role read; to write needs the role route, shard or administer'),
    ]);
  });

  it('ties leases, and the entries under them, to the token that made them', async () => {
    const served = await serve(byRole());
    const [router, other, person] = ['router', 'other router', 'person'].map((name) => storeOf(served, name)) as [
      RemoteStore,
      RemoteStore,
      RemoteStore,
    ];
    const lease = await router.grantLease(60_000);
    await router.commit([], [{ key: 'member/router/r1', value: '{}', lease }]);
    for (const stranger of [other, person]) {
      await expect(stranger.renewLease(lease)).rejects.toThrow('the lease belongs to another token');
      await expect(stranger.revokeLease(lease)).rejects.toThrow('the lease belongs to another token');
      await expect(stranger.commit([], [{ key: 'member/router/r2', value: '{}', lease }])).rejects.toThrow(
        'lease belongs to another token',
      );
      await expect(stranger.commit([], [{ key: 'member/router/r1', value: null }])).rejects.toThrow(
        'member/router/r1 belongs to the lease of another token',
      );
    }
    expect(await router.renewLease(lease)).toBe(true);
    expect(await router.get('member/router/r1')).not.toBeNull();
    await router.revokeLease(lease);
    expect(await other.get('member/router/r1')).toBeNull();
    await other.commit([], [{ key: 'member/router/r1', value: '{}' }]);
  });
});

describe('what is not a registry', () => {
  it.each([
    ['a router', '3', 'the shard key header x-shard-key is missing'],
    ['a router without a route', '12', 'no route matches /keyway.registry.v1.RegistryStore/List'],
  ])('is told from one that refuses: %s', async (_, status, said) => {
    const other = createServer();
    const open = new Set<ServerHttp2Session>();
    other.on('session', (session) => open.add(session));
    other.on('stream', (stream: ServerHttp2Stream) =>
      stream.respond(
        { 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': said },
        { endStream: true },
      ),
    );
    scope.defer(() => {
      for (const session of open) session.destroy();
      other.close();
    });
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const store = new RemoteStore({ address });
    scope.defer(() => store.close());
    const fault = `what answers there is no registry of this release; it says: ${said}`;
    await expect(store.list('')).rejects.toThrow(fault);
    await expect(store.get('a')).rejects.toThrow(fault);
    await expect(store.get('a')).rejects.not.toThrow(StoreDenied);
  });

  it('is none that refuses by itself', async () => {
    const store = storeOf(await serve(Participants.anybody()));
    await expect(store.get('a'.repeat(5000))).rejects.toThrow(/^the registry at \S+ refuses: key/);
  });
});

it('gives leases names that cannot be guessed where all clients share one token', async () => {
  const store = storeOf(await serve(Participants.sharing('one-token-for-all')), 'one-token-for-all');
  const names = await Promise.all(Array.from({ length: 20 }, () => store.grantLease(60_000)));
  const numbers = names.map(Number).sort((a, b) => a - b);
  // Of twenty out of 2^48 the chance that two are so near is one in a million.
  for (const [i, number] of numbers.slice(1).entries()) expect(number - (numbers[i] as number)).toBeGreaterThan(1e3);
});

it('is reached directly, whatever proxy the environment names', async () => {
  vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const store = storeOf(await serve(Participants.anybody()));
  await store.commit([], [{ key: 'a', value: 'x' }]);
  expect(await store.get('a')).toMatchObject({ value: 'x' });
});

it('keeps its file, and what SQLite keeps beside it, from others', async () => {
  const file = join(scope.folder(), 'registry.sqlite');
  new DatabaseSync(file).close();
  chmodSync(file, 0o644);
  const { store } = await serve(Participants.anybody(), file);
  await store.commit([], [{ key: 'a', value: 'x' }]);
  for (const each of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(each).mode & 0o777, each).toBe(0o600);
});

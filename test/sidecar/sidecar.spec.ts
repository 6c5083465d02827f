import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { afterEach, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { TestAuthority } from '../support/certificates.ts';
import type { RouterUnderTest } from '../support/cluster.ts';
import { answerOf, echoClient, startEchoBackend } from '../support/echo-backend.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { ask, type Reply } from './ask.ts';
import { doubleServed, KEYS, Sidecars } from './sidecars.ts';
import { type Served, startStoreBackend } from './store-backend.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Puts to all keys, one after the other for each, until it is stopped. */
function load(router: RouterUnderTest): { stop(): Promise<Reply[]> } {
  let isOver = false;
  const replies: Reply[] = [];
  const running = KEYS.map(async (key) => {
    for (let n = 0; !isOver; n++)
      replies.push(await ask(router.endpoint, 'PUT', `/docs/${key}?delay=${n % 5}`, {}, `${key} ${n}`));
  });
  return {
    stop: async () => {
      isOver = true;
      await Promise.all(running);
      return replies;
    },
  };
}

it('hands keys over under load: no call fails, and no two backends serve a key at once', async () => {
  const sidecars = await Sidecars.start(scope, 2);
  await sidecars.apply(1);
  const router = await sidecars.router();
  const { served } = sidecars.store;
  const calls = load(router);
  await vi.waitFor(() => expect(served.length).toBeGreaterThan(200), PATIENCE);
  await sidecars.apply(2);
  const before = served.length;
  await vi.waitFor(() => expect(served.length).toBeGreaterThan(before + 200), PATIENCE);
  await sidecars.apply(1);
  const after = served.length;
  await vi.waitFor(() => expect(served.length).toBeGreaterThan(after + 200), PATIENCE);
  const replies = await calls.stop();
  expect(replies.filter(({ status: each }) => each !== 200)).toEqual([]);
  expect(new Set(served.map(({ shard }) => shard))).toEqual(new Set(['s0', 's1']));
  expect(doubleServed(served)).toEqual([]);
  for (const [key, ofKey] of Map.groupBy(served, (each) => each.key)) {
    const tokens = ofKey.map(({ token }) => token);
    expect([key, tokens]).toEqual([key, [...tokens].sort((a, b) => a - b)]);
    // A new owner has a larger one.
    for (let i = 1; i < ofKey.length; i++)
      if (ofKey[i]?.shard !== ofKey[i - 1]?.shard) expect(tokens[i]).toBeGreaterThan(tokens[i - 1] as number);
  }
});

it('refuses what is not its own, and what has no key, but for paths that have none', async () => {
  const sidecars = await Sidecars.start(scope, 2);
  const [s0] = sidecars.all as [(typeof sidecars.all)[0]];
  const [own, other] = [sidecars.keyOf('s0', 2), sidecars.keyOf('s1', 2)];
  const mine = await ask(s0.address, 'GET', '/x', { 'x-shard-key': own });
  expect([mine.status, mine.headers['x-backend']]).toEqual([200, 's0']);
  const [seen] = sidecars.store.served.slice(-1) as [Served];
  expect(seen.headers).toMatchObject({ 'x-keyway-version': expect.stringMatching(/^\d+$/), 'x-shard-key': own });
  expect(seen.token).toBeGreaterThan(0);
  const theirs = await ask(s0.address, 'GET', '/x', { 'x-shard-key': other });
  expect([theirs.status, theirs.headers['x-keyway-stale']]).toEqual([421, String(seen.version)]);
  // What a router says of the key counts, whatever the client says.
  const named = await ask(s0.address, 'GET', '/x', { 'x-shard-key': own, 'x-keyway-key': other });
  expect(named.status).toBe(421);
  expect((await ask(s0.address, 'GET', '/x')).status).toBe(400);
  // By a version that never comes.
  const ahead = await ask(s0.address, 'GET', '/x', { 'x-shard-key': own, 'x-keyway-version': '1000' });
  expect(ahead.status).toBe(503);
  const client = echoClient(scope, s0.address);
  expect(await answerOf(client, other)).toBe('FAILED_PRECONDITION');
});

it('knows the key that a router has made of a path, whatever the client says it is', async () => {
  const sidecars = await Sidecars.start(scope, 2);
  const router = await sidecars.router();
  for (const id of ['s0', 's1']) {
    const [key, other] = [sidecars.keyOf(id, 2), sidecars.keyOf(id === 's0' ? 's1' : 's0', 2)];
    const forged = { 'x-shard-key': other, 'x-keyway-key': other, 'x-keyway-version': '77' };
    const reply = await ask(router.endpoint, 'GET', `/docs/${key}`, forged);
    expect([reply.status, reply.headers['x-backend']]).toEqual([200, id]);
  }
  const odd = 'd%25%20%C3%A9';
  expect((await ask(router.endpoint, 'GET', `/docs/${odd}`)).status).toBe(200);
  expect(sidecars.store.served.at(-1)?.headers['x-forwarded-for']).toBe('127.0.0.1');
});

it('carries HTTP/2, gRPC and WebSockets', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [echo, http2] = [await startEchoBackend(scope, 's0'), await startHttpBackend(scope, 's1', 'http2')];
  await sidecars.add('s0', `127.0.0.1:${echo.port}`, ['--health', 'none']);
  await sidecars.add('s1', `127.0.0.1:${http2.port}`);
  await sidecars.apply(2);
  const router = await sidecars.router();
  expect(await answerOf(echoClient(scope, router.endpoint), sidecars.keyOf('s0', 2))).toBe('s0');
  const session = connectHttp2(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const stream = session.request({ ':path': '/echo', ':method': 'POST', 'x-shard-key': sidecars.keyOf('s1', 2) });
  stream.end(Buffer.alloc(2_000_000, 'x'));
  let bytes = 0;
  for await (const part of stream) bytes += (part as Buffer).length;
  expect(bytes).toBe(2_000_000);
});

it('ends a WebSocket of a key that moves with 1012, and the client finds the new owner', async () => {
  const sidecars = await Sidecars.start(scope, 2);
  await sidecars.apply(1);
  const router = await sidecars.router();
  const mover = sidecars.keyOf('s1', 2);
  const open = async (): Promise<{ socket: WebSocket; shard: string }> => {
    const socket = new WebSocket(`ws://${router.endpoint}/live`, { headers: { 'x-shard-key': mover } });
    scope.defer(() => socket.terminate());
    const [name] = await once(socket, 'message');
    return { socket, shard: String(name) };
  };
  const { socket, shard } = await open();
  const closed = once(socket, 'close');
  await sidecars.apply(2);
  expect([shard, (await closed)[0], (await open()).shard]).toEqual(['s0', 1012, 's1']);
});

it('tells the backend which keys leave, before another shard serves them', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const { store } = sidecars;
  const ports = [await startStoreBackend(scope, 's0', store), await startStoreBackend(scope, 's1', store)];
  await sidecars.add('s0', `127.0.0.1:${ports[0]}`, ['--on-keys-leave', `http://127.0.0.1:${ports[0]}/keys-leave`]);
  await sidecars.add('s1', `127.0.0.1:${ports[1]}`);
  await sidecars.apply(1);
  const router = await sidecars.router();
  for (const key of KEYS) await ask(router.endpoint, 'PUT', `/docs/${key}`, {}, 'x');
  await sidecars.apply(2);
  const [told] = store.left;
  expect(told).toMatchObject({ cluster: 'docs', shard: 's0', version: 2 });
  const movers = KEYS.filter((key) => sidecars.ownerOf(key, 2) === 's1');
  expect([...(told?.keys ?? [])].sort()).toEqual(movers.sort());
  // Those that it has still leave with it.
  await sidecars.all[0]?.process.end('SIGTERM');
  const rest = KEYS.filter((key) => !movers.includes(key));
  expect([...(store.left[1]?.keys ?? [])].sort()).toEqual(rest.sort());
});

it('is counted out while it is stopped, and cuts what it carries once it goes on', async () => {
  const sidecars = await Sidecars.start(scope, 2, '500ms');
  const router = await sidecars.router();
  const [s0] = sidecars.all as [(typeof sidecars.all)[0]];
  const key = sidecars.keyOf('s0', 2);
  const { served } = sidecars.store;
  const ofS0 = (): Served | undefined => served.find((each) => each.key === key && each.shard === 's0');
  // A sidecar that a busy machine has kept from its lease refuses what it is asked meanwhile.
  const { slow } = await vi.waitFor(async () => {
    const asked = ask(router.endpoint, 'GET', `/docs/${key}?delay=60000`);
    await vi.waitFor(() => expect(ofS0()).toBeDefined());
    return { slow: asked };
  }, PATIENCE);
  s0.process.child.kill('SIGSTOP');
  await vi.waitFor(async () => {
    const reply = await ask(router.endpoint, 'GET', `/docs/${key}`);
    expect([reply.status, reply.headers['x-backend']]).toEqual([200, 's1']);
  }, PATIENCE);
  // What was sent to it while it was stopped it finds when it goes on.
  const late = ask(s0.address, 'PUT', '/docs/late', { 'x-shard-key': key }, 'too late');
  s0.process.child.kill('SIGCONT');
  expect((await late).status).not.toBe(200);
  await vi.waitFor(() => expect(ofS0()?.abandoned).toBe(true), PATIENCE);
  expect(sidecars.store.values.has('late')).toBe(false);
  expect((await slow).status).not.toBe(200);
});

it('comes back under the same name after it was killed, and serves', async () => {
  const sidecars = await Sidecars.start(scope, 1);
  const [s0] = sidecars.all as [(typeof sidecars.all)[0]];
  const router = await sidecars.router();
  const port = (await ask(router.endpoint, 'GET', '/docs/a')).status;
  expect(port).toBe(200);
  const before = sidecars.store.served.at(-1)?.token as number;
  await s0.process.end('SIGKILL');
  expect((await ask(router.endpoint, 'GET', '/docs/a')).status).toBe(503);
  const backend = s0.process.child.spawnargs[s0.process.child.spawnargs.indexOf('--backend') + 1] as string;
  const again = sidecars.run('s0', s0.address, backend);
  await again.printed(/serving on/);
  await vi.waitFor(async () => expect((await ask(router.endpoint, 'GET', '/docs/a')).status).toBe(200), PATIENCE);
  expect(sidecars.store.served.at(-1)?.token).toBeGreaterThan(before);
});

it('starts the backend, and ends with its exit code', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [port] = (await freePorts(1)) as [number];
  const program = `require('node:http').createServer((request, response) => {
    if (request.url === '/end') process.exit(7);
    response.end('here');
  }).listen(${port}, '127.0.0.1')`;
  const { address, process } = await sidecars.add('s0', `127.0.0.1:${port}`, [], ['node', '-e', program]);
  await sidecars.apply(1);
  expect((await ask(address, 'GET', '/x', { 'x-shard-key': 'a' })).text).toBe('here');
  await ask(address, 'GET', '/end', { 'x-shard-key': 'a' });
  expect(await process.exit()).toBe(7);
});

it('shows routers a certificate, and wants theirs', async () => {
  const authority = new TestAuthority(scope.folder());
  const [shown, own] = [authority.issue('IP:127.0.0.1'), authority.issue()];
  const sidecars = await Sidecars.start(scope, 0);
  const backend = await startHttpBackend(scope, 's0', 'http1');
  const tls = ['--tls-certificate', shown.certificate, '--tls-key', shown.key];
  await sidecars.add('s0', `127.0.0.1:${backend.port}`, [...tls, '--tls-client-authorities', authority.certificate]);
  await sidecars.apply(1);
  const authorities = authority.certificate;
  const [known, unknown] = [
    await sidecars.router({ upstream: { tls: { authorities, ...own } } }),
    await sidecars.router({ upstream: { tls: { authorities } } }),
  ];
  expect((await ask(known.endpoint, 'GET', '/x', { 'x-shard-key': 'a' })).status).toBe(200);
  expect((await ask(unknown.endpoint, 'GET', '/x', { 'x-shard-key': 'a' })).status).toBe(503);
});

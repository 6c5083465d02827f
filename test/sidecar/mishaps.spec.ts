import { copyFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { Cable } from '../support/cable.ts';
import { TestAuthority } from '../support/certificates.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { PATIENCE, registryOn } from '../support/registries.ts';
import { ask } from './ask.ts';
import { Sidecars } from './sidecars.ts';
import { startStoreBackend } from './store-backend.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A backend's program: `/half` begins an answer and ends the process. */
function program(port: number): string {
  return `require('node:http').createServer((request, response) => {
    if (request.url !== '/half') return response.end('here');
    response.write('half', () => process.exit(9));
  }).listen(${port}, '127.0.0.1')`;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    scope.defer(() => socket.destroy());
  });
}

it('lets paths without a key pass, and what is below them, and no others that begin so', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const backend = await startStoreBackend(scope, 's0', sidecars.store);
  const { address } = await sidecars.add('s0', `127.0.0.1:${backend}`, ['--keyless', '/open']);
  await sidecars.apply(1);
  const statuses = async (paths: readonly string[]): Promise<number[]> =>
    (await Promise.all(paths.map((path) => ask(address, 'GET', path)))).map(({ status }) => status);
  expect(await statuses(['/open', '/open/x?y', '/%6Fpen/x'])).toEqual([200, 200, 200]);
  expect(await statuses(['/opened', '/open/../docs/k', '/open/%2E./docs/k'])).toEqual([400, 400, 400]);
});

it('has no backend speak for it: what it says of other versions does not reach routers', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const server = createServer((_, response) => response.writeHead(421, { 'x-keyway-stale': '99' }).end('mine'));
  const [port] = (await freePorts(1)) as [number];
  server.listen(port, '127.0.0.1');
  scope.defer(() => server.close());
  await sidecars.add('s0', `127.0.0.1:${port}`);
  await sidecars.apply(1);
  const router = await sidecars.router();
  const reply = await ask(router.endpoint, 'GET', '/docs/a');
  expect([reply.status, reply.text, reply.headers['x-keyway-stale']]).toEqual([421, 'mine', undefined]);
});

it('ends with a command that ends in the middle of an answer, which is seen to be cut', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [port] = (await freePorts(1)) as [number];
  const command = ['node', '-e', program(port)];
  const { process } = await sidecars.add('s0', `127.0.0.1:${port}`, [], command);
  await sidecars.apply(1);
  const router = await sidecars.router();
  expect((await ask(router.endpoint, 'GET', '/docs/a')).text).toBe('here');
  const half = await ask(router.endpoint, 'GET', '/half', { 'x-shard-key': 'a' });
  expect([half.status, half.text]).toEqual([0, expect.stringMatching(/aborted|ECONNRESET/)]);
  expect(await process.exit()).toBe(9);
  const registry = registryOn(sidecars.under.open(), scope);
  expect(await registry.members.list('node')).toEqual([]);
});

it('stops all that the command has started, once it has left', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [port] = (await freePorts(1)) as [number];
  const file = scope.file('server.cjs', program(port));
  const command = ['sh', '-c', `"${globalThis.process.execPath}" ${file} & wait`];
  const { process } = await sidecars.add('s0', `127.0.0.1:${port}`, [], command);
  expect(await isListening(port)).toBe(true);
  expect(await process.end('SIGTERM')).toBe(0);
  await vi.waitFor(async () => expect(await isListening(port)).toBe(false), PATIENCE);
});

it('ends at once where its backend has never been well', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [own, port] = (await freePorts(2)) as [number, number];
  const process = sidecars.run('s0', `127.0.0.1:${own}`, `127.0.0.1:${port}`);
  await process.printed(/the backend is unhealthy/);
  expect(await process.end('SIGTERM')).toBe(0);
});

it('says which address is taken, and starts no command', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  scope.defer(() => taken.close());
  const at = `127.0.0.1:${(taken.address() as { port: number }).port}`;
  const [own, port] = (await freePorts(2)) as [number, number];
  const started = join(scope.folder(), 'started');
  for (const [listen, more, option] of [
    [at, [], '--listen'],
    [`127.0.0.1:${own}`, ['--egress', at], '--egress'],
    [`127.0.0.1:${own}`, ['--metrics', at], '--metrics'],
  ] as const) {
    const process = sidecars.run('s0', listen, `127.0.0.1:${port}`, more, ['touch', started]);
    expect(await process.exit()).not.toBe(0);
    expect(process.output).toContain(`in use by another process: change ${option}`);
  }
  expect(existsSync(started)).toBe(false);
});

it('cuts what it carries where its lease runs out, before another shard serves the keys', async () => {
  const sidecars = await Sidecars.start(scope, 0, '500ms');
  const { store } = sidecars;
  const cable = await Cable.to(sidecars.registry);
  scope.defer(() => cable.close());
  for (const [id, more] of [
    ['s0', ['--registry', cable.address]],
    ['s1', []],
  ] as const) {
    const port = await startStoreBackend(scope, id, store);
    await sidecars.add(id, `127.0.0.1:${port}`, more);
  }
  await sidecars.apply(2, '500ms');
  const router = await sidecars.router();
  const key = sidecars.keyOf('s0', 2);
  const slow = ask(router.endpoint, 'GET', `/docs/${key}?delay=60000`);
  await vi.waitFor(() => expect(store.served.length).toBe(1), PATIENCE);
  cable.cut();
  await vi.waitFor(async () => {
    const reply = await ask(router.endpoint, 'GET', `/docs/${key}`);
    expect([reply.status, reply.headers['x-backend']]).toEqual([200, 's1']);
  }, PATIENCE);
  expect(store.served[0]).toMatchObject({ shard: 's0', abandoned: true });
  expect((await slow).status).not.toBe(200);
});

it('lets no router in by a certificate of another authority, or one that has run out; and takes renewed files up', async () => {
  const [authority, other] = [new TestAuthority(scope.folder()), new TestAuthority(scope.folder())];
  const shown = authority.issue('IP:127.0.0.1');
  const sidecars = await Sidecars.start(scope, 0);
  const backend = await startHttpBackend(scope, 's0', 'http1');
  const known = join(scope.folder(), 'known.pem');
  copyFileSync(authority.certificate, known);
  const tls = ['--tls-certificate', shown.certificate, '--tls-key', shown.key, '--tls-client-authorities', known];
  await sidecars.add('s0', `127.0.0.1:${backend.port}`, tls);
  await sidecars.apply(1);
  const authorities = authority.certificate;
  for (const certificate of [other.issue(), authority.issueExpired()]) {
    const router = await sidecars.router({ upstream: { tls: { authorities, ...certificate } } });
    expect((await ask(router.endpoint, 'GET', '/docs/a')).status).toBe(503);
  }
  const router = await sidecars.router({ upstream: { tls: { authorities, ...authority.issue() } } });
  expect((await ask(router.endpoint, 'GET', '/docs/a')).status).toBe(200);
  const renewed = other.issue('IP:127.0.0.1');
  for (const [from, to] of [
    [renewed.certificate, shown.certificate],
    [renewed.key, shown.key],
    [other.certificate, known],
  ] as const)
    copyFileSync(from, to);
  const later = await sidecars.router({ upstream: { tls: { authorities: other.certificate, ...other.issue() } } });
  await vi.waitFor(async () => expect((await ask(later.endpoint, 'GET', '/docs/a')).status).toBe(200), PATIENCE);
});

it('takes its command along, with what that has started, where it is told to end twice', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [port] = (await freePorts(1)) as [number];
  // It ends by no signal that can be refused.
  const deaf = `process.on('SIGTERM', () => {}); ${program(port)}`;
  const shell = `trap '' TERM; node -e "$0" & wait; wait`;
  const { process: sidecar } = await sidecars.add('s0', `127.0.0.1:${port}`, [], ['sh', '-c', shell, deaf]);
  sidecar.child.kill('SIGINT');
  // What follows within a second is a copy of the first, and no second wish.
  await vi.waitFor(() => {
    if (!sidecar.hasEnded) sidecar.child.kill('SIGINT');
    expect(sidecar.hasEnded).toBe(true);
  }, PATIENCE);
  await vi.waitFor(async () => expect(await isListening(port)).toBe(false), PATIENCE);
});

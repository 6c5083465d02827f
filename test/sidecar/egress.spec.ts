import { afterEach, expect, it, vi } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { PATIENCE, registryOn } from '../support/registries.ts';
import { ask, type Reply } from './ask.ts';
import { doubleServed, KEYS, Sidecars } from './sidecars.ts';
import { startStoreBackend } from './store-backend.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Two shards whose backends call each other. @param more options of each sidecar */
async function callingEachOther(more: readonly string[] = []): Promise<Sidecars> {
  const sidecars = await Sidecars.start(scope, 0);
  const { store } = sidecars;
  for (const id of ['s0', 's1']) {
    const egress = `127.0.0.1:${(await freePorts(1))[0]}`;
    store.egress.set(id, egress);
    const backend = await startStoreBackend(scope, id, store);
    await sidecars.add(id, `127.0.0.1:${backend}`, ['--egress', egress, ...more]);
  }
  return sidecars;
}

/** The first version: resolves once the calls of the backends go out by it. */
async function applyFirst(sidecars: Sidecars, shards: number): Promise<void> {
  await sidecars.apply(shards);
  for (const { id } of sidecars.all)
    await vi.waitFor(async () => {
      const { status } = await ask(egressOf(sidecars, id), 'GET', '/docs/d0', { 'x-shard-key': 'd0' });
      expect(status).toBe(200);
    }, PATIENCE);
}

function egressOf({ store }: Sidecars, id: string): string {
  return store.egress.get(id) as string;
}

it('calls the owner of a key, which the sidecar of that owner lets in, and its own backend in the same way', async () => {
  const sidecars = await callingEachOther();
  await applyFirst(sidecars, 2);
  const [own, other] = [sidecars.keyOf('s0', 2), sidecars.keyOf('s1', 2)];
  for (const [key, shard] of [
    [own, 's0'],
    [other, 's1'],
  ] as const) {
    const forged = { 'x-shard-key': key, 'x-keyway-version': '77', 'x-keyway-key': 'forged', 'x-keyway-token': '1' };
    const reply = await ask(egressOf(sidecars, 's0'), 'GET', `/docs/${key}`, forged);
    expect([reply.status, reply.headers['x-backend']]).toEqual([200, shard]);
    const seen = sidecars.store.served.at(-1);
    expect(seen?.headers).not.toHaveProperty('x-keyway-key');
    expect(seen?.headers).toMatchObject({ 'x-keyway-version': '1', 'x-keyway-egress': 's0' });
    expect(seen?.token).toBeGreaterThan(1);
  }
  expect((await ask(egressOf(sidecars, 's0'), 'GET', '/docs/x')).status).toBe(400);
});

it('has calls for keys that move wait, and calls of calls go through: none fails, and a change is not held up', async () => {
  const sidecars = await callingEachOther();
  await applyFirst(sidecars, 1);
  const router = await sidecars.router();
  const { served } = sidecars.store;
  let isOver = false;
  const failed: Reply[] = [];
  // A few: on a busy machine there is as much to do for them.
  const keys = KEYS.slice(0, 12);
  const running = keys.map(async (key, i) => {
    for (let n = 0; !isOver; n++) {
      const called = keys[(i + n) % keys.length];
      const byRouter = await ask(router.endpoint, 'GET', `/docs/${key}?delay=${n % 5}&call=${called}`);
      const byEgress = await ask(egressOf(sidecars, 's0'), 'GET', `/docs/${key}`, { 'x-shard-key': key });
      failed.push(...[byRouter, byEgress].filter(({ status }) => status !== 200));
    }
  });
  for (const shards of [2, 1, 2]) {
    const before = served.length;
    await vi.waitFor(() => expect(served.length).toBeGreaterThan(before + 100), PATIENCE);
    await sidecars.apply(shards);
  }
  isOver = true;
  await Promise.all(running);
  expect(failed).toEqual([]);
  expect(new Set(served.map(({ shard }) => shard))).toEqual(new Set(['s0', 's1']));
  expect(doubleServed(served)).toEqual([]);
});

it('refuses what comes round again', async () => {
  const sidecars = await callingEachOther();
  await applyFirst(sidecars, 2);
  const key = sidecars.keyOf('s0', 2);
  // The backend of s0 calls itself, and may do so for ever.
  const reply = await ask(egressOf(sidecars, 's0'), 'GET', `/docs/${key}?call=${key}`, { 'x-shard-key': key });
  expect(reply.status).toBe(508);
});

it('speaks TLS with the other shards where their sidecars do', async () => {
  const authority = new TestAuthority(scope.folder());
  const { certificate, key } = authority.issue('IP:127.0.0.1');
  const authorities = authority.certificate;
  const tls = ['--tls-certificate', certificate, '--tls-key', key, '--tls-client-authorities', authorities];
  const sidecars = await callingEachOther([...tls, '--tls-authorities', authorities]);
  await applyFirst(sidecars, 2);
  for (const id of ['s0', 's1']) {
    const name = sidecars.keyOf(id, 2);
    const reply = await ask(egressOf(sidecars, 's0'), 'GET', `/docs/${name}`, { 'x-shard-key': name });
    expect([reply.status, reply.headers['x-backend']]).toEqual([200, id]);
  }
});

it('speaks TLS with the other shards where only their authorities are named, and never cleartext then', async () => {
  const sidecars = await callingEachOther(['--tls-authorities', new TestAuthority(scope.folder()).certificate]);
  await sidecars.apply(2);
  const key = sidecars.keyOf('s1', 2);
  // The sidecars of this test are in cleartext: nobody is there whom it may believe.
  await vi.waitFor(async () => {
    const { status, text } = await ask(egressOf(sidecars, 's0'), 'GET', `/docs/${key}`, { 'x-shard-key': key });
    expect([status, text]).toEqual([503, expect.stringMatching(/^shard s1 .* is unavailable/)]);
  }, PATIENCE);
  expect(sidecars.store.served).toEqual([]);
});

it('is a router of the registry for as long as the sidecar runs, and leaves with it', async () => {
  const sidecars = await callingEachOther();
  await applyFirst(sidecars, 2);
  const registry = registryOn(sidecars.under.open(), scope);
  const routers = async (): Promise<number> => (await registry.members.list('router')).length;
  await vi.waitFor(async () => expect(await routers()).toBe(2), PATIENCE);
  const codes = await Promise.all(sidecars.all.map(({ process }) => process.end('SIGTERM')));
  expect([codes, await routers()]).toEqual([[0, 0], 0]);
});

it('is for the backend alone, and leads to no sidecar itself', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const [own, egress] = ['127.0.0.1:9', '127.0.0.1:10'];
  for (const [backend, more, fault] of [
    ['127.0.0.1:11', ['--egress', '0.0.0.0:9100'], /--egress: 0\.0\.0\.0 can be reached from outside/],
    [egress, ['--egress', egress], /--backend: 127\.0\.0\.1:10 is where the sidecar itself listens/],
    [own, [], /--backend: 127\.0\.0\.1:9 is where the sidecar itself listens/],
    ['127.0.0.1:11', ['--keep-in', 'kept'], /go with --egress/],
  ] as const) {
    const process = sidecars.run('s0', own, backend, more);
    expect(await process.exit()).not.toBe(0);
    expect(process.output).toMatch(fault);
  }
});

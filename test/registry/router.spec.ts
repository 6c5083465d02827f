import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientReadableStream, ClientUnaryCall } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import { eventually, fetchText, metric, startRouter } from '../support/cluster.ts';
import { answerOf, echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE, registryOn, remote, served, sqlite } from '../support/registries.ts';
import { docsOf as draft, serves } from './docs-cluster.ts';

type UnaryCall = (...args: unknown[]) => ClientUnaryCall;
type ServerStreamCall = (...args: unknown[]) => ClientReadableStream<Buffer>;

const scope = new Scope();
afterEach(() => scope.release());

it.each([
  { workers: 1, stores: sqlite },
  { workers: 2, stores: served },
])('a router of $workers workers routes by what is committed, and by nothing else', async ({ workers, stores }) => {
  const store = await stores(scope);
  const { topologies, members } = registryOn(store.open(), scope);
  const [one, other] = [await startEchoBackend(scope, 'one'), await startEchoBackend(scope, 'other')];
  const router = await startRouter(scope, { shards: [], registry: store.config, workers });
  const clients = Array.from({ length: 4 }, () => echoClient(scope, router.endpoint, undefined));
  expect((await fetchText(`${router.admin}/readyz`)).text).toBe('there is no topology of docs\n');
  expect(await answerOf(clients[0] as never, 'a')).toBe('UNAVAILABLE');

  await topologies.commit(draft(['s0', one.port]));
  await serves(router, 1);
  expect((await fetchText(`${router.admin}/readyz`)).text).toBe('ready\n');
  expect(await Promise.all(clients.map((client) => answerOf(client, 'a')))).toEqual(Array(4).fill('one'));
  const watch = (clients[0]?.serverStream as ServerStreamCall).call(clients[0], Buffer.from('hang'), keyed('a'));
  let ended = false;
  watch.on('error', () => {
    ended = true;
  });
  const seen: string[] = [];
  watch.on('data', (part: Buffer) => seen.push(part.toString()));
  await eventually(() => seen.length === 1);

  await topologies.commit(draft(['s0', other.port]));
  await serves(router, 2);
  expect(await Promise.all(clients.map((client) => answerOf(client, 'a')))).toEqual(Array(4).fill('other'));
  // Shards are told by which version they are asked, and nobody else's word for it is passed on.
  const told = await new Promise<string>((resolve) => {
    const versions = keyed('a', { 'x-keyway-version': '99', 'x-echo': 'x' });
    const made = (clients[0]?.unary as UnaryCall).call(clients[0], Buffer.from('version'), versions, () => {});
    made.on('metadata', (metadata) => resolve(String(metadata.get('x-version')[0])));
  });
  expect(told).toBe('2');
  // A request that was under way keeps the owner that it began with.
  expect(ended).toBe(false);
  const [member] = await members.list('router');
  await vi.waitFor(async () => {
    expect((await members.list('router'))[0]?.value).toMatchObject({ versions: { 'default/docs': 2 } });
  }, PATIENCE);
  expect(member?.name).toMatch(/-\d+$/);
  // Its config leaves the port to the system.
  expect(member?.value).toMatchObject({ listen: [{ host: '127.0.0.1', port: router.port }] });
  watch.cancel();

  await topologies.delete({ namespace: 'default', cluster: 'docs' });
  await serves(router, null);
  expect(await answerOf(clients[0] as never, 'a')).toBe('UNAVAILABLE');
  expect(await router.process.end()).toBe(0);
  expect(await members.list('router')).toEqual([]);
});

it('continues without its registry, from disk too after a restart, and says so', async () => {
  const store = await remote(scope);
  const [server] = store.servers;
  const { topologies } = registryOn(store.open(), scope);
  const [one, other] = [await startEchoBackend(scope, 'one'), await startEchoBackend(scope, 'other')];
  // Of a strict cluster whose shards cannot refuse what they have lost nobody is sure without a lease.
  await topologies.commit({ ...draft(['s0', one.port]), consistency: 'eventual' });
  const keepIn = join(scope.folder(), 'kept');
  const first = await startRouter(scope, { shards: [], registry: { ...store.config, keepIn } });
  expect(await answerOf(echoClient(scope, first.endpoint), 'a')).toBe('one');
  expect(await metric(first, 'keyway_registry_up')).toBe(1);
  expect(await metric(first, 'keyway_thread_busy_seconds_total{thread="control"}')).toBeGreaterThan(0);
  expect(existsSync(join(keepIn, 'default.docs.json'))).toBe(true);

  await server?.kill();
  await vi.waitFor(async () => expect(await metric(first, 'keyway_registry_up')).toBe(0), PATIENCE);
  expect(await answerOf(echoClient(scope, first.endpoint), 'a')).toBe('one');
  const ready = await fetchText(`${first.admin}/readyz`);
  expect(ready.status).toBe(200);
  expect(ready.text).toMatch(/^ready, without the registry for \d+ s \(.*\): docs at version 1, from registry\n$/);
  expect(first.process.output).toContain('the registry cannot be reached; routing by the last topologies');
  await first.process.end('SIGKILL');

  const second = await startRouter(scope, { shards: [], registry: { ...store.config, keepIn } });
  expect(await answerOf(echoClient(scope, second.endpoint), 'a')).toBe('one');
  expect((await fetchText(`${second.admin}/readyz`)).text).toMatch(/docs at version 1, from disk/);
  expect(await metric(second, 'keyway_topology_version{cluster="docs"}')).toBe(1);

  await server?.start();
  await topologies.commit({ ...draft(['s0', other.port]), consistency: 'eventual' });
  await serves(second, 2);
  expect(await answerOf(echoClient(scope, second.endpoint), 'a')).toBe('other');
  await vi.waitFor(async () => expect(await metric(second, 'keyway_registry_up')).toBe(1), PATIENCE);
  expect(await metric(second, 'keyway_registry_outages_total')).toBe(1);
});

import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { KeysLeaveHook } from './keys-leave-hook.ts';

const releases: Array<() => void> = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

/** A backend, and a hook that has served the keys `p/a` and `p/b`. */
async function hookTo(backend: RequestListener): Promise<{ hook: KeysLeaveHook; url: string; faults: string[] }> {
  const server = createServer(backend).listen(0, '127.0.0.1');
  releases.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/leave`;
  const faults: string[] = [];
  const hook = new KeysLeaveHook(url, { cluster: 'docs', shard: 's0' }, (fault) => faults.push(fault));
  for (const key of ['p/a', 'p/b']) hook.onServed(Buffer.from(key), key.length);
  return { hook, url, faults };
}

it('names the keys that are lost, once', async () => {
  const bodies: string[] = [];
  const { hook, faults } = await hookTo(async (request, response) => {
    bodies.push(await text(request));
    response.writeHead(204).end();
  });
  const lostBy = (key: Uint8Array): number => (Buffer.from(key).toString() === 'p/b' ? 8 : 0);
  await hook.notify(lostBy);
  await hook.notify(lostBy);
  expect(bodies.map((body) => JSON.parse(body))).toEqual([{ cluster: 'docs', shard: 's0', version: 8, keys: ['p/b'] }]);
  expect(faults).toEqual([]);
});

it('says which keys the backend is being told of, until it has heard, and tells it again of one that was asked for since', async () => {
  const bodies: string[] = [];
  let hear = (): void => {};
  const { hook } = await hookTo(async (request, response) => {
    bodies.push(await text(request));
    hear = () => response.writeHead(204).end();
  });
  const isTold = (key: string): boolean => hook.isTold(Buffer.from(key), key.length);
  const told = hook.notify((key) => (Buffer.from(key).toString() === 'p/a' ? 8 : 0));
  expect([isTold('p/a'), isTold('p/b')]).toEqual([true, false]);
  await vi.waitFor(() => expect(bodies).toHaveLength(1));
  hear();
  await told;
  expect(isTold('p/a')).toBe(false);
  hook.onServed(Buffer.from('p/a'), 3);
  const again = hook.notify(() => 9);
  await vi.waitFor(() => expect(bodies).toHaveLength(2));
  hear();
  await again;
  expect(bodies.map((body) => JSON.parse(body).keys)).toEqual([['p/a'], ['p/b', 'p/a']]);
});

it('follows no redirect', async () => {
  const paths: Array<string | undefined> = [];
  const { hook, url, faults } = await hookTo((request: IncomingMessage, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await hook.notify(() => 1);
  expect(paths).toEqual(['/leave']);
  expect(faults).toEqual([`POST ${url} answers 307`]);
});

it('cuts an answer that does not end, of which the status counts', async () => {
  const cut = Promise.withResolvers<void>();
  const { hook, faults } = await hookTo((_request, response) => {
    response.on('close', cut.resolve);
    const send = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65536)));
    };
    response.on('drain', send);
    send();
  });
  await hook.notify(() => 1);
  await cut.promise;
  expect(faults).toEqual([]);
});

it('waits for a backend no longer than it may, and says so', async () => {
  const { hook, url, faults } = await hookTo(() => {});
  await hook.notify(() => 1);
  expect(faults).toEqual([expect.stringContaining(`POST ${url}: `)]);
});

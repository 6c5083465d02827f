import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { checkTopology } from '../topology/index.ts';
import { Sidecar } from './sidecar.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'default', cluster: 'docs' };
/** From when nothing new is begun under it until what is in flight is cut, it is long enough that the sidecar sees both. */
const LEASE_MS = 5000;

it('tells the backend that keys have left with the lease only once nothing of them is in flight', async () => {
  const under = await sqlite(scope);
  const document = { ...NAME, placement: { fixedRing: {} }, failover: { after: '100ms' } };
  const shards = [{ id: 's0', address: '10.0.0.1:1' }];
  await registryOn(under.open(), scope).topologies.commit(checkTopology({ ...document, shards }, 'the test'));
  const events: string[] = [];
  const backend = createServer(async (request, response) => {
    if (request.url !== '/keys-leave') request.on('close', () => events.push('cut'));
    else {
      events.push(`told of ${JSON.parse(await text(request)).keys}`);
      response.writeHead(204).end();
    }
  }).listen(0, '127.0.0.1');
  scope.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  await once(backend, 'listening');
  const address = `127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const link = new FaultyStore(under.open());
  const sidecar = new Sidecar({
    registry: registryOn(link, scope),
    name: NAME,
    shard: 's0',
    nodeId: 'n',
    address: '10.0.0.1:1',
    leaseMs: LEASE_MS,
    process: { host: 'here', pid: process.pid },
    listen: { host: '127.0.0.1', port: 0 },
    backend: { address, protocol: 'http1', health: undefined, waitMs: 0 },
    keyless: [],
    watch: [],
    maxConnections: 10,
    onKeysLeave: `http://${address}/keys-leave`,
    onHookFault: (fault) => events.push(fault),
    onHealth: () => {},
    clock,
    random: () => 0.5,
    timeOfDay: () => '',
  });
  const port = await sidecar.listen();
  scope.defer(() => sidecar.stop(0));
  await sidecar.start();
  const asked = once(backend, 'request');
  get({ port, path: '/docs/a', headers: { 'x-shard-key': 'a' } }).on('error', () => {});
  await asked;
  link.cut();
  await vi.waitFor(() => expect(events).toEqual(['cut', 'told of a']), PATIENCE);
});

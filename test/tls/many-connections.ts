import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'vitest';
import { residentBytes } from '../../bench/support/process-cost.ts';
import { TestAuthority } from '../support/certificates.ts';
import { metric, startRouter } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import type { Scope } from '../support/processes.ts';

const AT_ONCE = 200;
/** What OpenSSL keeps of a connection is most of it. */
const MAX_BYTES_EACH = 60 * 1024;

/** Opens so many TLS connections to a router, which holds them, idle, in little memory, and serves every hundredth. */
export async function holdIdleTls(scope: Scope, connections: number): Promise<void> {
  const certificate = new TestAuthority(scope.folder()).issue('DNS:localhost');
  const backend = await startHttpBackend(scope, 's0', 'http2');
  const router = await startRouter(scope, {
    shards: [backend.port],
    listener: { tls: { certificates: [certificate] } },
    // A thousand handshakes take a busy machine longer than the router waits for a first request.
    limits: { requestHeadTimeout: '5m' },
  });
  const sockets: TLSSocket[] = [];
  scope.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  const open = async (): Promise<void> => {
    const socket = connect({
      port: router.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    sockets.push(socket);
    await once(socket, 'secureConnect');
  };
  // What a first handshake loads is not the connections' own.
  await open();
  const before = residentBytes(router.process.pid);
  const opener = async (): Promise<void> => {
    while (sockets.length < connections) await open();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, opener));
  const held = sockets.length;
  expect(await metric(router, 'keyway_downstream_connections')).toBe(held);
  expect((residentBytes(router.process.pid) - before) / held).toBeLessThan(MAX_BYTES_EACH);
  for (const socket of sockets.filter((_, i) => i % 100 === 0)) {
    socket.write('GET /bytes/3 HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
  }
  expect(await metric(router, 'keyway_downstream_connections')).toBe(held);
}

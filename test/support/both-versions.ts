import { once } from 'node:events';
import type { Server as Http1Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import { createServer } from 'node:net';
import type { Scope } from './processes.ts';

/** Serves HTTP/1.1 and HTTP/2 on one cleartext port, told apart by the first bytes, as Yorkie's servers do. */
export async function serveBothVersions(scope: Scope, http1: Http1Server, http2: Http2Server): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    scope.defer(() => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      (first.toString('latin1', 0, 3) === 'PRI' ? http2 : http1).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return (server.address() as { port: number }).port;
}

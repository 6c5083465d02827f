import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Scope } from '../../support/processes.ts';
import { Lines } from './lines.ts';

/** Answers each line with its own name and the line; begins a watch with its name, and leaves it open. */
export async function startEchoShard(
  scope: Scope,
  id: string,
): Promise<{ readonly id: string; readonly port: number }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    const lines = new Lines((line) => socket.write(line.endsWith(' watch') ? `~${id}\n` : `${id} ${line}\n`));
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => lines.receive(bytes, 0, bytes.length));
  });
  scope.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { id, port: (server.address() as AddressInfo).port };
}

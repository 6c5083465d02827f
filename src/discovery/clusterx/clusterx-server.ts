import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { HostPort } from '../../runtime/address.ts';
import type { ClusterX } from './clusterx.ts';
import { ClusterXSession } from './clusterx-session.ts';

/** Controllers keep a connection or two to each node. */
const MAX_CONNECTIONS = 64;

/** An address at which CLUSTERX is served to whoever has the password. */
export class ClusterXServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(clusterX: ClusterX, password: string) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      new ClusterXSession(clusterX, password, socket);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @returns the port. @throws Error where the address cannot be listened at */
  async listen({ host, port }: HostPort): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections; what is being written goes on. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

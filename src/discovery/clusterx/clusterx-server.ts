import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { HostPort } from '../../runtime/address.ts';
import type { ClusterX } from './clusterx.ts';
import { ClusterXSession } from './clusterx-session.ts';

/** Controllers keep a connection or two to each node. Those who have given the password, and those who have not, have as many each. */
const MAX_CONNECTIONS = 64;
/** A peer whose machine has vanished is found within some minutes, in place of hours. */
const KEEP_ALIVE_MS = 60_000;

/** An address at which CLUSTERX is served to whoever has the password. */
export class ClusterXServer {
  readonly #server: Server;
  /** Those who have not given the password. */
  readonly #strangers = new Places();
  /** Those who have. */
  readonly #known = new Places();

  constructor(clusterX: ClusterX, password: string) {
    this.#server = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
      this.#strangers.add(socket);
      socket.on('close', () => {
        this.#strangers.delete(socket);
        this.#known.delete(socket);
      });
      new ClusterXSession(clusterX, password, socket, () => {
        this.#strangers.delete(socket);
        this.#known.add(socket);
      });
    });
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
    this.#strangers.destroy();
    this.#known.destroy();
  }
}

/** Connections of which the one that has said nothing for longest makes room for another. */
class Places {
  /** Those that have spoken last are last. */
  readonly #sockets = new Set<Socket>();

  /** Adds one, or notes that it has spoken. */
  add(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#sockets.add(socket);
    const [longestSilent] = this.#sockets;
    if (this.#sockets.size > MAX_CONNECTIONS) longestSilent?.destroy();
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

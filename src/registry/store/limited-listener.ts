import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** How many connections are had at once. */
export interface ConnectionLimits {
  readonly inAll: number;
  /** Of one address: what remains is for others. */
  readonly ofAddress: number;
}

/** Accepts connections for a server, and closes at once those that are too many. */
export class LimitedListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  /** @param onConnection has each connection that is accepted */
  constructor(limits: ConnectionLimits, onConnection: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      const { remoteAddress: address = '' } = socket;
      const own = this.#byAddress.get(address) ?? 0;
      if (this.#sockets.size >= limits.inAll || own >= limits.ofAddress) {
        socket.destroy();
        return;
      }
      this.#count(address, own + 1);
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#count(address, (this.#byAddress.get(address) ?? 1) - 1);
      });
      socket.setNoDelay(true);
      onConnection(socket);
    });
  }

  #count(address: string, connections: number): void {
    if (connections > 0) this.#byAddress.set(address, connections);
    else this.#byAddress.delete(address);
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        // One that cannot be accepted, for want of a descriptor say, is lost alone.
        this.#server.off('error', reject).on('error', () => {});
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { splitAddress } from '../../src/runtime/address.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';

/** Looks at the bytes of a connection as they pass; `up` is towards the process that the cable leads to. */
export type Tap = (bytes: Buffer, way: 'up' | 'down', connection: object) => 'pass' | 'reset';

/**
 * A connection between two processes that can be cut as a network is: bytes go nowhere, and neither end learns of it.
 */
export class Cable {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** When it was cut and mended, in the machine's milliseconds. */
  readonly cuts: Array<{ readonly begin: number; readonly end: number }> = [];
  #cutSince: number | null = null;
  /** May reset a connection at any of its bytes, which are lost then. */
  tap: Tap = () => 'pass';

  private constructor(server: Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async to(address: string): Promise<Cable> {
    const { host, port } = splitAddress(address);
    const server = createServer();
    const cable: { made: Cable | null } = { made: null };
    server.on('connection', (near) => cable.made?.join(near, createConnection(port, host)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cable.made = new Cable(server);
    return cable.made;
  }

  private join(near: Socket, far: Socket): void {
    for (const [one, other, way] of [
      [near, far, 'up'],
      [far, near, 'down'],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      if (this.#isCut) one.pause();
      one.on('data', (bytes: Buffer) => {
        if (this.tap(bytes, way, near) === 'pass') other.write(bytes);
        else for (const socket of [near, far]) socket.resetAndDestroy();
      });
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.on('error', () => {});
    }
    // What is there already must not go through in spite of the cut.
    if (this.#isCut) for (const socket of [near, far]) socket.pause();
  }

  get #isCut(): boolean {
    return this.#cutSince !== null;
  }

  cut(): void {
    this.#cutSince ??= machineClock();
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was under way arrives late. */
  mend(): void {
    if (this.#cutSince !== null) this.cuts.push({ begin: this.#cutSince, end: machineClock() });
    this.#cutSince = null;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

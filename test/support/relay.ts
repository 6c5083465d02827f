import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Scope } from './processes.ts';

/** A network between a client and a server on this machine that can lose all that is open, without a word to either; connections that come later work. */
export class Relay {
  readonly port: number;
  readonly #sockets: Socket[];

  private constructor(port: number, sockets: Socket[]) {
    this.port = port;
    this.#sockets = sockets;
  }

  static async to(scope: Scope, port: number): Promise<Relay> {
    const sockets: Socket[] = [];
    const between = createServer((socket) => {
      const behind = connect(port, '127.0.0.1');
      socket.on('error', () => {}).pipe(behind.on('error', () => {}));
      behind.pipe(socket);
      sockets.push(socket);
      scope.defer(() => {
        socket.destroy();
        behind.destroy();
      });
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    scope.defer(() => between.close());
    return new Relay((between.address() as AddressInfo).port, sockets);
  }

  /** How many connections there were. */
  get connections(): number {
    return this.#sockets.length;
  }

  /** Nothing that is sent on the connections that are open arrives any more. */
  lose(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }
}

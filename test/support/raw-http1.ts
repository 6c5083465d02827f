import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Scope } from './processes.ts';

/** A client whose bytes a test writes itself. */
export class RawHttp1 {
  readonly socket: Socket;
  text = '';
  closed = false;
  #waiting: Array<() => void> = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  static async connect(scope: Scope, port: number): Promise<RawHttp1> {
    const socket = connect(port, '127.0.0.1');
    scope.defer(() => socket.destroy());
    await once(socket, 'connect');
    return new RawHttp1(socket);
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves once what has come matches; rejects where the connection ends without. */
  async reads(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      if (this.closed) throw new Error(`the connection ended with ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async ends(): Promise<string> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.text;
  }
}

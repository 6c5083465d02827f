import type { HttpContext, RequestConnection } from '../../http/index.ts';
import { Http1ClientConnection, type Http1ClientHandler } from '../../http1/index.ts';
import { dialTarget } from './dial-target.ts';
import type { Target, Transport } from './transport.ts';

/** How long no connection is tried after one could not be made. */
const RECONNECT_MS = 100;

/** HTTP/1.1: up to a number of connections, a request at a time on each, shown as streams. */
export class Http1Transport implements Transport, Http1ClientHandler {
  readonly #context: HttpContext;
  readonly #target: Target;
  readonly #count: number;
  readonly #connections = new Set<Http1ClientConnection>();
  #idle: Http1ClientConnection[] = [];
  #opening = 0;
  #isClosed = false;
  onRoom: () => void = () => {};
  lastFailure = '';

  constructor(target: Target, count: number, context: HttpContext) {
    this.#context = context;
    this.#target = target;
    this.#count = count;
  }

  async open(): Promise<void> {
    this.#idle.push(await this.#connect());
  }

  /** One that is idle, which its caller uses at once. */
  pick(): RequestConnection | null {
    const picked = this.#idle.pop() ?? null;
    if (picked === null && this.#connections.size + this.#opening < this.#count) this.#openAnother();
    return picked;
  }

  #openAnother(): void {
    this.#opening++;
    this.#connect().then(
      (connection) => {
        this.#opening--;
        if (this.#isClosed) connection.destroy();
        else this.onIdle(connection);
      },
      (error: Error) => {
        this.lastFailure = error.message;
        setTimeout(() => {
          this.#opening--;
          if (!this.#isClosed) this.onRoom();
        }, RECONNECT_MS);
      },
    );
  }

  async #connect(): Promise<Http1ClientConnection> {
    const holder: { connection: Http1ClientConnection | null } = { connection: null };
    const socket = await dialTarget(this.#target, 'http/1.1', (bytes, start, end) =>
      holder.connection?.receive(bytes, start, end),
    );
    holder.connection = new Http1ClientConnection(socket, null, this.#context, this);
    this.#connections.add(holder.connection);
    return holder.connection;
  }

  sweep(nowMs: number): void {
    for (const connection of this.#idle) connection.sweep(nowMs);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.destroy();
  }

  onConnected(): void {}

  onIdle(connection: Http1ClientConnection): void {
    this.#idle.push(connection);
    this.onRoom();
  }

  onClosed(connection: Http1ClientConnection): void {
    this.lastFailure = connection.endedBecause;
    this.#connections.delete(connection);
    this.#idle = this.#idle.filter((each) => each !== connection);
    if (!this.#isClosed) this.onRoom();
  }
}

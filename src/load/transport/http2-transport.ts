import type { FloodCause, HttpContext } from '../../http/index.ts';
import { Connection, type ConnectionHandler } from '../../http2/index.ts';
import { dialTarget } from './dial-target.ts';
import type { Target, Transport } from './transport.ts';

/** A server of HTTP/2 greets with its SETTINGS at once (RFC 9113, 3.4): one that has not by then speaks something else. */
const GREETING_MS = 5000;

/** How long until a connection that could not be made, or was lost, is tried again. */
const RECONNECT_MS = 100;

/** A number of HTTP/2 connections to one place, reopened when they are lost or asked to leave. */
export class Http2Transport implements Transport, ConnectionHandler {
  readonly #target: Target;
  readonly #context: HttpContext;
  readonly #count: number;
  #connections: Connection[] = [];
  #opening = 0;
  #next = 0;
  #isClosed = false;
  onRoom: () => void = () => {};
  lastFailure = '';
  /** While the first connection waits for its peer's greeting: called with null once it has come, or with what came instead. */
  #onGreeted: ((fault: string | null) => void) | null = null;

  constructor(target: Target, count: number, context: HttpContext) {
    this.#target = target;
    this.#count = count;
    this.#context = context;
  }

  /** Makes all of them. @throws Error where the first cannot be made, or does not speak HTTP/2 */
  async open(): Promise<void> {
    const first = await this.#connect();
    await this.#greeting(first);
    this.#connections.push(first);
    this.#fill();
  }

  #greeting(first: Connection): Promise<void> {
    const { host, port } = this.#target;
    return new Promise((resolve, reject) => {
      const refuse = (reason: string): void => {
        this.#onGreeted = null;
        clearTimeout(timer);
        first.destroy();
        reject(new Error(`${host}:${port}: ${reason}; ${OTHER_PROTOCOLS}`));
      };
      const timer = setTimeout(() => refuse('it accepts connections, and says nothing'), GREETING_MS);
      this.#onGreeted = (fault) => {
        if (fault !== null) return refuse(fault);
        this.#onGreeted = null;
        clearTimeout(timer);
        resolve();
      };
      if (first.ready) this.#onGreeted(null);
      else if (!first.usable) this.#onGreeted(first.endedBecause);
    });
  }

  /** One with room for a stream, in turn; null: there is none now. */
  pick(): Connection | null {
    const connections = this.#connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[this.#next++ % connections.length] as Connection;
      const most = connection.ready ? connection.peerSettings.maxConcurrentStreams : STREAMS_BEFORE_SETTINGS;
      if (connection.usable && connection.openStreams < most) return connection;
    }
    return null;
  }

  sweep(nowMs: number): void {
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.destroy();
  }

  #fill(): void {
    const usable = this.#connections.filter((connection) => connection.usable).length;
    for (let missing = this.#count - usable - this.#opening; missing > 0; missing--) {
      this.#opening++;
      this.#connect().then(
        (connection) => {
          this.#opening--;
          if (this.#isClosed) connection.destroy();
          else this.#connections.push(connection);
          this.onRoom();
        },
        (error: Error) => {
          this.#opening--;
          this.lastFailure = error.message;
          this.#fillLater();
        },
      );
    }
  }

  #fillLater(): void {
    setTimeout(() => {
      if (!this.#isClosed) this.#fill();
    }, RECONNECT_MS);
  }

  async #connect(): Promise<Connection> {
    const holder: { connection: Connection | null } = { connection: null };
    const socket = await dialTarget(this.#target, 'h2', (bytes, start, end) =>
      holder.connection?.receive(bytes, start, end),
    );
    holder.connection = new Connection(socket, false, this.#context, this);
    return holder.connection;
  }

  onRequest(): void {}

  onCapacity(): void {
    this.#onGreeted?.(null);
    this.onRoom();
  }

  onGoaway(): void {
    this.#fill();
  }

  onClosed(connection: Connection, reason: string | null): void {
    if (this.#onGreeted !== null) {
      this.#onGreeted(reason ?? 'it closes the connection');
      return;
    }
    this.lastFailure = reason ?? '';
    this.#connections = this.#connections.filter((each) => each !== connection);
    if (!this.#isClosed) this.#fillLater();
  }

  onFlood(_connection: Connection, _cause: FloodCause): void {}
}

/** What to try where a target does not speak HTTP/2 in cleartext. */
const OTHER_PROTOCOLS = 'is it the right port? Write https:// for TLS, and --http1 for HTTP/1.1';

/** Until the peer's SETTINGS have come, no more than RFC 9113, 6.5.2 has every peer allow. */
const STREAMS_BEFORE_SETTINGS = 100;

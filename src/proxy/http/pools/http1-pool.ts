import type { HeaderBlock } from '../../../http/index.ts';
import { Http1ClientConnection, type Http1ClientHandler } from '../../../http1/index.ts';
import { openSocket } from '../../../io/index.ts';
import { ClientShares } from '../../core/owner/client-shares.ts';
import { FairQueue } from '../../core/owner/fair-queue.ts';
import { haveWait, type OnDoubt, type Pool, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { ClearedExchange } from '../../core/waiting-place.ts';
import { Exchange } from '../exchange.ts';
import type { RouterContext } from '../router-context.ts';

/** A shard that speaks HTTP/1.1: connections made on demand and kept, a request at a time on each, and the requests that wait for one. */
export class Http1Pool implements Pool, Http1ClientHandler {
  readonly #endpoint: ShardEndpoint;
  readonly #context: RouterContext;
  readonly #onDoubt: OnDoubt;
  readonly #connections = new Set<Http1ClientConnection>();
  /** Those without a request; the one that had one last is used first, so that the others may end. */
  #idle: Http1ClientConnection[] = [];
  readonly #pending = new FairQueue<Exchange>();
  readonly #shares = new ClientShares((visit) => this.forEachOpen(visit));
  /** Some connection has had an answer. */
  #hasServed = false;
  #closed = false;

  constructor(context: RouterContext, endpoint: ShardEndpoint, onDoubt: OnDoubt = () => {}) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#onDoubt = onDoubt;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get openStreams(): number {
    return this.#connections.size - this.#idle.length;
  }

  dispatch(exchange: ClearedExchange, block: HeaderBlock | null): void {
    const connection = this.#mayGo(exchange) ? this.#connectionWithRoom() : null;
    if (connection === null) haveWait(exchange, this.#pending, this, this.#endpoint);
    else {
      this.#shares.count(exchange, this.#context.http2.turn.nowMs);
      this.#send(exchange, block, connection);
    }
  }

  /** Whether an exchange may have one of the places that are left. */
  readonly #mayGo = (exchange: Exchange): boolean => {
    const { http1Connections: places } = this.#endpoint.limits;
    const open = this.openStreams;
    const { nowMs } = this.#context.http2.turn;
    return !ClientShares.isScarce(open, places) || this.#shares.allows(exchange, open, places, nowMs);
  };

  #drainPending(): void {
    // One that may not go out now leaves its place to the next.
    while (this.#pending.length > 0 && this.#hasRoom) {
      const next = this.#pending.next(this.#mayGo);
      if (next === null) return;
      next.proceed();
    }
  }

  get #hasRoom(): boolean {
    const mayOpen = this.#connections.size < this.#endpoint.limits.http1Connections && !this.#closed;
    return this.#idle.length > 0 || mayOpen;
  }

  forEachOpen(visit: (exchange: Exchange) => void): void {
    for (const connection of this.#connections)
      connection.forEachStream(({ handler }) => {
        if (handler instanceof Exchange) visit(handler);
      });
  }

  #send(exchange: ClearedExchange, block: HeaderBlock | null, connection: Http1ClientConnection): void {
    this.#endpoint.onSending();
    if (block === null) exchange.send(connection);
    else exchange.sendFirst(connection, block);
  }

  #connectionWithRoom(): Http1ClientConnection | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return this.#connections.size < this.#endpoint.limits.http1Connections && !this.#closed ? this.#open() : null;
  }

  #open(): Http1ClientConnection {
    const { http2, limits } = this.#context;
    const holder: { connection: Http1ClientConnection | null } = { connection: null };
    const socket = openSocket(this.#endpoint, ['http/1.1'], (bytes, start, end) =>
      holder.connection?.receive(bytes, start, end),
    );
    const ready = this.#endpoint.certificates === null ? 'connect' : 'secureConnect';
    const connection = new Http1ClientConnection(socket, ready, http2, this);
    holder.connection = connection;
    const timer = setTimeout(() => {
      connection.fail(`no connection within ${limits.connectTimeoutMs} ms`);
    }, limits.connectTimeoutMs);
    socket.once(ready, () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
    this.#connections.add(connection);
    return connection;
  }

  forget(exchange: Exchange): void {
    this.#pending.remove(exchange);
  }

  sweep(nowMs: number): void {
    for (const connection of [...this.#idle]) connection.sweep(nowMs);
    this.#drainPending();
  }

  cut(): void {
    for (const connection of [...this.#connections]) if (connection.isBusy) connection.destroy();
  }

  /** Cuts all connections. No new request is taken. */
  destroy(): void {
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  // ---- a connection's events -------------------------------------------------------------------------------------

  onConnected(): void {
    this.#endpoint.onReached();
  }

  onIdle(connection: Http1ClientConnection): void {
    this.#hasServed = true;
    this.#idle.push(connection);
    this.#drainPending();
  }

  onClosed(connection: Http1ClientConnection): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
    if (!this.#closed && connection.hasFailed && !connection.hasAnswered) {
      if (!connection.connected) this.#endpoint.onConnectFailed(connection.endedBecause);
      this.#onDoubt(connection.connected && this.#hasServed);
    }
    this.#drainPending();
  }
}

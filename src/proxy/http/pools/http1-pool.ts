import type { HeaderBlock } from '../../../http/index.ts';
import { Http1ClientConnection, type Http1ClientHandler } from '../../../http1/index.ts';
import { openSocket } from '../../../io/index.ts';
import { ClientShares } from '../../core/owner/client-shares.ts';
import { FairQueue, isWaiting, type Waiting } from '../../core/owner/fair-queue.ts';
import type { OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import { haveWait, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClearedRequest, HttpPool, OnDoubt } from './http-pool.ts';

/** A shard that speaks HTTP/1.1: connections made on demand and kept, a request at a time on each, and the requests that wait for one. */
export class Http1Pool implements HttpPool, Http1ClientHandler {
  readonly #endpoint: ShardEndpoint;
  readonly #context: RouterContext;
  readonly #onDoubt: OnDoubt;
  readonly #connections = new Set<Http1ClientConnection>();
  /** Those without a request; the one that had one last is used first, so that the others may end. */
  #idle: Http1ClientConnection[] = [];
  readonly #pending = new FairQueue<OutgoingRequest>();
  readonly #shares = new ClientShares((visit) => this.forEachOpen(visit));
  /** Some connection has had an answer. */
  #hasServed = false;
  #closed = false;

  constructor(context: RouterContext, endpoint: ShardEndpoint, onDoubt: OnDoubt = () => {}) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#onDoubt = onDoubt;
  }

  get #mostConnections(): number {
    return this.#endpoint.limits.connections ?? this.#context.limits.maxHttp1ConnectionsPerShard;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get openStreams(): number {
    return this.#connections.size - this.#idle.length;
  }

  dispatch(request: ClearedRequest, block: HeaderBlock | null): void {
    const connection = this.#mayGo(request) ? this.#connectionWithRoom() : null;
    if (connection === null) haveWait(request, this.#pending, this, this.#endpoint);
    else {
      this.#shares.count(request, this.#context.turn.nowMs);
      this.#send(request, block, connection);
    }
  }

  /** Whether a request may have one of the places that are left. */
  readonly #mayGo = (request: OutgoingRequest): boolean => {
    const places = this.#mostConnections;
    const open = this.openStreams;
    const { nowMs } = this.#context.turn;
    return !ClientShares.isScarce(open, places) || this.#shares.allows(request, open, places, nowMs);
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
    const mayOpen = this.#connections.size < this.#mostConnections && !this.#closed;
    return this.#idle.length > 0 || mayOpen;
  }

  forEachOpen(visit: (request: Waiting) => void): void {
    for (const connection of this.#connections)
      connection.forEachStream(({ handler }) => {
        if (isWaiting(handler)) visit(handler);
      });
  }

  #send(request: ClearedRequest, block: HeaderBlock | null, connection: Http1ClientConnection): void {
    this.#endpoint.onSending();
    if (block === null) request.send(connection);
    else request.sendFirst(connection, block);
  }

  #connectionWithRoom(): Http1ClientConnection | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return this.#connections.size < this.#mostConnections && !this.#closed ? this.#open() : null;
  }

  #open(): Http1ClientConnection {
    const { http, limits } = this.#context;
    const holder: { connection: Http1ClientConnection | null } = { connection: null };
    const socket = openSocket(this.#endpoint, ['http/1.1'], (bytes, start, end) =>
      holder.connection?.receive(bytes, start, end),
    );
    const ready = this.#endpoint.certificates === null ? 'connect' : 'secureConnect';
    const connection = new Http1ClientConnection(socket, ready, http, this);
    holder.connection = connection;
    const timer = setTimeout(() => {
      connection.fail(`no connection within ${limits.connectTimeoutMs} ms`);
    }, limits.connectTimeoutMs);
    socket.once(ready, () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
    this.#connections.add(connection);
    return connection;
  }

  forget(request: OutgoingRequest): void {
    this.#pending.remove(request);
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

import type { FloodCause, HeaderBlock } from '../../../http/index.ts';
import { Connection, type ConnectionHandler } from '../../../http2/index.ts';
import { openSocket } from '../../../io/index.ts';
import { jitter } from '../../../runtime/jitter.ts';
import { ClientShares } from '../../core/owner/client-shares.ts';
import { FairQueue, isWaiting, type Waiting } from '../../core/owner/fair-queue.ts';
import type { OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import { haveWait, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClearedRequest, HttpPool, OnDoubt } from './http-pool.ts';
import { Http1Pool } from './http1-pool.ts';

/** Until a shard's SETTINGS have come, no more streams than RFC 9113, 6.5.2 has every peer allow. */
const STREAMS_BEFORE_SETTINGS = 100;
/** gRPC's connection back-off (grpc/grpc doc/connection-backoff.md), begun lower, because the shard is near. */
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
const BACKOFF_FACTOR = 1.6;
const BACKOFF_JITTER = 0.2;

/** A shard that speaks HTTP/2: connections made on demand and kept, and the requests that wait for one. */
export class Http2Pool implements HttpPool, ConnectionHandler {
  readonly #endpoint: ShardEndpoint;
  readonly #context: RouterContext;
  readonly #onDoubt: OnDoubt;
  #connections: Connection[] = [];
  /** Those too whose peers take no new requests. */
  readonly #open = new Set<Connection>();
  readonly #pending = new FairQueue<OutgoingRequest>();
  readonly #shares = new ClientShares((visit) => this.#forEachStream(visit));
  /** From so many connections on it matters which client takes a place. */
  readonly #scarceFrom: number;
  /** WebSockets that wait for the shard to say whether it takes them over HTTP/2. */
  readonly #webSockets = new FairQueue<OutgoingRequest>();
  #http1: Http1Pool | null = null;
  #backoffMs = 0;
  #retryAtMs = 0;
  #lastFailure = '';
  /** What a connection is taken to allow until its SETTINGS have come: what the last one allowed, and no more than the RFC's least. */
  #assumedStreams = STREAMS_BEFORE_SETTINGS;
  #closed = false;

  constructor(context: RouterContext, endpoint: ShardEndpoint, onDoubt: OnDoubt = () => {}) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#onDoubt = onDoubt;
    this.#scarceFrom = ClientShares.scarceFrom(this.#mostConnections);
  }

  get #mostConnections(): number {
    return this.#endpoint.limits.connections ?? this.#context.limits.maxConnectionsPerShard;
  }

  dispatch(request: ClearedRequest, block: HeaderBlock | null): void {
    if (request.isWebSocket && !this.#takesWebSockets(request)) return;
    const connection = this.#connectionWithRoom();
    if (connection === null || !this.#takesPlace(request)) {
      this.#wait(request);
      return;
    }
    this.#endpoint.onSending();
    if (block === null) request.send(connection);
    else request.sendFirst(connection, block);
  }

  /**
   * Whether the shard takes extended CONNECT. Until its SETTINGS have come, the request waits; if it does not, the
   * request goes over HTTP/1.1.
   */
  #takesWebSockets(request: ClearedRequest): boolean {
    const ready = this.#connections.find((each) => each.ready);
    if (ready !== undefined) {
      if (!ready.peerSettings.enableConnectProtocol) this.#overHttp1(request);
      return ready.peerSettings.enableConnectProtocol;
    }
    if (this.#connections.length === 0 && this.#connect() === null)
      this.#endpoint.unavailable(request, 'unreachable', this.#lastFailure);
    else haveWait(request, this.#webSockets, this, this.#endpoint);
    return false;
  }

  /** WebSockets of a shard that speaks HTTP/1.1 besides, as most do that have both. */
  #overHttp1(request: ClearedRequest): void {
    this.#http1 ??= new Http1Pool(this.#context, this.#endpoint);
    this.#http1.dispatch(request, null);
  }

  #connectionWithRoom(): Connection | null {
    const connections = this.#connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i] as Connection;
      if (connection.openStreams < this.#streamsAllowed(connection) && connection.usable) return connection;
    }
    return connections.length === 0 ? this.#connect() : null;
  }

  #streamsAllowed(connection: Connection): number {
    return connection.ready ? connection.peerSettings.maxConcurrentStreams : this.#assumedStreams;
  }

  #wait(request: OutgoingRequest): void {
    if (this.#connections.length === 0) {
      this.#endpoint.unavailable(request, 'unreachable', this.#lastFailure);
    } else {
      haveWait(request, this.#pending, this, this.#endpoint);
      this.#openForPending();
    }
  }

  /** Has a request take one of the places, where it may; while more connections can be made there are enough for all. */
  #takesPlace(request: OutgoingRequest): boolean {
    if (this.#connections.length < this.#scarceFrom) return true;
    if (!this.#mayGo(request)) return false;
    this.#shares.count(request, this.#context.turn.nowMs);
    return true;
  }

  /** Whether a request may have one of the places that are left, those of connections that can still be made among them. */
  readonly #mayGo = (request: OutgoingRequest): boolean => {
    const connections = this.#connections;
    if (connections.length < this.#scarceFrom) return true;
    let open = 0;
    let places = (this.#mostConnections - connections.length) * this.#assumedStreams;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i] as Connection;
      open += connection.openStreams;
      places += this.#streamsAllowed(connection);
    }
    if (!ClientShares.isScarce(open, places)) return true;
    return this.#shares.allows(request, open, places, this.#context.turn.nowMs);
  };

  #forEachStream(visit: (request: Waiting) => void): void {
    for (const connection of this.#connections)
      connection.forEachStream(({ handler }) => {
        if (isWaiting(handler)) visit(handler);
      });
  }

  forEachOpen(visit: (request: Waiting) => void): void {
    this.#forEachStream(visit);
    this.#http1?.forEachOpen(visit);
  }

  /** Opens connections until those that are being made have room for what waits. */
  #openForPending(): void {
    const made = this.#connections.filter((each) => !each.ready).length;
    let room = made * this.#assumedStreams;
    while (room < this.#pending.length && this.#connections.length < this.#mostConnections) {
      if (this.#connect() === null) return;
      room += this.#assumedStreams;
    }
  }

  forget(request: OutgoingRequest): void {
    this.#webSockets.remove(request);
    this.#pending.remove(request);
  }

  #connect(): Connection | null {
    const { http, turn, limits } = this.#context;
    if (this.#closed || turn.nowMs < this.#retryAtMs) return null;
    const holder: { connection: Connection | null } = { connection: null };
    const socket = openSocket(this.#endpoint, ['h2'], (bytes, start, end) =>
      holder.connection?.receive(bytes, start, end),
    );
    const connection = new Connection(socket, false, http, this);
    holder.connection = connection;
    const timer = setTimeout(() => {
      if (connection.ready) return;
      const what = socket.connecting ? 'connection' : 'HTTP/2 SETTINGS';
      socket.destroy(new Error(`no ${what} within ${limits.connectTimeoutMs} ms`));
    }, limits.connectTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    this.#connections.push(connection);
    this.#open.add(connection);
    return connection;
  }

  get openConnections(): number {
    return this.#connections.length + (this.#http1?.openConnections ?? 0);
  }

  get openStreams(): number {
    return this.#connections.reduce(
      (sum, each) => sum + each.openStreams - each.cancelledStreams,
      this.#http1?.openStreams ?? 0,
    );
  }

  cut(): void {
    this.#http1?.cut();
    for (const connection of [...this.#open]) connection.destroy();
  }

  /** Cuts all connections. No new request is taken. */
  destroy(): void {
    this.#closed = true;
    this.#http1?.destroy();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  sweep(nowMs: number): void {
    // Those included that take no requests any more.
    for (const connection of [...this.#open]) connection.sweep(nowMs);
    this.#http1?.sweep(nowMs);
    if (this.#pending.length > 0) this.#drainPending();
  }

  // ---- a connection's events -------------------------------------------------------------------------------------

  onRequest(): void {
    // A server opens no streams to us: push is off, and the frame reader refuses PUSH_PROMISE.
  }

  onCapacity(connection: Connection): void {
    if (connection.ready) {
      this.#endpoint.onReached();
      this.#backoffMs = 0;
      this.#retryAtMs = 0;
      this.#assumedStreams = Math.max(
        1,
        Math.min(connection.peerSettings.maxConcurrentStreams, STREAMS_BEFORE_SETTINGS),
      );
    }
    if (this.#webSockets.length > 0) for (const request of this.#webSockets.takeAll()) request.proceed();
    if (this.#pending.length > 0) this.#drainPending();
  }

  #drainPending(): void {
    while (this.#pending.length > 0) {
      if (this.#connectionWithRoom() === null) {
        this.#openForPending();
        return;
      }
      const next = this.#pending.next(this.#mayGo);
      if (next === null) return;
      next.proceed();
    }
  }

  onGoaway(connection: Connection): void {
    this.#remove(connection);
    this.#context.onShardLeaving(connection, this.#endpoint.label);
    if (this.#pending.length > 0) this.#drainPending();
  }

  onClosed(connection: Connection, reason: string | null): void {
    this.#open.delete(connection);
    this.#remove(connection);
    if (reason !== null && !connection.ready) this.#backOff(reason);
    if (this.#connections.length === 0)
      for (const request of this.#webSockets.takeAll())
        this.#endpoint.unavailable(request, 'unreachable', this.#lastFailure);
    if (this.#pending.length === 0 || this.#connections.length > 0) return;
    // A connection that served and was lost is worth one immediate attempt; one that never came up is not.
    if (connection.ready && this.#connect() !== null) {
      this.#drainPending();
      return;
    }
    for (const request of this.#pending.takeAll())
      this.#endpoint.unavailable(request, 'unreachable', this.#lastFailure);
  }

  #backOff(reason: string): void {
    const { random, turn } = this.#context;
    this.#endpoint.onConnectFailed(reason);
    this.#lastFailure = reason;
    this.#backoffMs = Math.min(Math.max(FIRST_BACKOFF_MS, this.#backoffMs * BACKOFF_FACTOR), LONGEST_BACKOFF_MS);
    this.#retryAtMs = turn.begin() + this.#backoffMs * jitter(BACKOFF_JITTER, random);
    this.#onDoubt(false);
  }

  #remove(connection: Connection): void {
    const place = this.#connections.indexOf(connection);
    if (place < 0) return;
    this.#connections.splice(place, 1);
  }

  onFlood(_connection: Connection, cause: FloodCause): void {
    this.#context.counters.countFlood(cause);
  }
}

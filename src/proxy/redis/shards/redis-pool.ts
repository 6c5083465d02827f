import type { Protocol } from '../../../resp/index.ts';
import { FairQueue, isWaiting, type Waiting } from '../../core/owner/fair-queue.ts';
import type { Cleared, OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import { haveWait, type Pool, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { RedisContext } from '../redis-context.ts';
import type { RedisCall } from './redis-call.ts';
import { RedisConnection, type RedisConnectionOwner } from './redis-connection.ts';
import type { ReplyTaker } from './reply-taker.ts';

/** Clients that block, or watch keys, have a connection each: as many as a worker's connections to an HTTP/1.1 shard. */
const MAX_ALONE = 1024;
/** A connection that only one client at a time may use is kept so long for the next one. */
const ALONE_IDLE_MS = 30_000;

/**
 * The connections to one Redis server. All clients of a thread share one for each version of the protocol: their commands
 * travel in one write a turn, and a server that has one thread gains nothing from more. What blocks, or what a
 * connection remembers, goes over connections that one client has at a time.
 */
export class RedisPool implements Pool, RedisConnectionOwner {
  readonly #context: RedisContext;
  readonly #endpoint: ShardEndpoint;
  /** By version of the protocol; null where there is none, or the one that was there is held up. */
  readonly #shared: Record<Protocol, RedisConnection | null> = { 2: null, 3: null };
  readonly #connections = new Set<RedisConnection>();
  /** Those for one client at a time, and whether one has it. */
  readonly #alone = new Map<RedisConnection, 'free' | 'taken'>();
  readonly #pending = new FairQueue<OutgoingRequest>();
  #isClosed = false;

  constructor(context: RedisContext, endpoint: ShardEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
  }

  /** Sends a command, or has it wait for a connection, or refuses it. */
  dispatch(call: Cleared<RedisCall>): void {
    const { own, isAlone, protocol } = call;
    if (own?.isClosed === true) {
      this.#endpoint.refuse(call, 'lost', 'it was closed meanwhile');
      return;
    }
    const connection = own ?? (isAlone ? this.#takeAlone(protocol) : this.#sharedOf(protocol));
    if (connection === null || !connection.isReady) haveWait(call, this.#pending, this, this.#endpoint);
    else {
      this.#endpoint.onSending();
      call.sendOn(connection);
    }
  }

  #sharedOf(protocol: Protocol): RedisConnection {
    let connection = this.#shared[protocol];
    if (connection === null) {
      connection = this.#open(protocol);
      this.#shared[protocol] = connection;
    }
    return connection;
  }

  /** One that is ready, which is taken; null where one has to come up or be given back first. */
  #takeAlone(protocol: Protocol): RedisConnection | null {
    let comesUp = 0;
    for (const [connection, state] of this.#alone) {
      if (connection.protocol !== protocol || state === 'taken') continue;
      if (connection.isReady) {
        this.#alone.set(connection, 'taken');
        return connection;
      }
      comesUp++;
    }
    const most = this.#endpoint.limits.connections ?? MAX_ALONE;
    // One for each that waits: they come up at about the same time.
    if (comesUp <= this.#pending.length && this.#alone.size < most) this.#alone.set(this.#open(protocol), 'free');
    return null;
  }

  /** A client needs its connection no more, which remembers nothing of it. */
  giveBack(connection: RedisConnection): void {
    if (this.#alone.has(connection)) this.#alone.set(connection, 'free');
    this.#drainPending();
  }

  /** Tells the server something, whose answer nobody waits for. */
  sendAndForget(command: Uint8Array): void {
    (this.#shared[2] ?? this.#shared[3] ?? this.#sharedOf(2)).sendAndForget(command);
  }

  #open(protocol: Protocol): RedisConnection {
    const connection = new RedisConnection(this.#endpoint, protocol, this.#context, this);
    this.#connections.add(connection);
    return connection;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get openStreams(): number {
    let inFlight = 0;
    for (const connection of this.#connections) inFlight += connection.inFlight;
    return inFlight;
  }

  forEachOpen(visit: (request: Waiting) => void): void {
    for (const connection of this.#connections)
      connection.forEachCall((call) => {
        if (isWaiting(call)) visit(call as ReplyTaker & Waiting);
      });
  }

  forget(request: OutgoingRequest): void {
    this.#pending.remove(request);
  }

  #drainPending(): void {
    for (const request of this.#pending.takeAll()) request.proceed();
  }

  sweep(nowMs: number): void {
    for (const [connection, state] of [...this.#alone])
      if (state === 'free' && connection.isReady && nowMs - connection.busyAtMs > ALONE_IDLE_MS) connection.destroy();
  }

  cut(): void {
    for (const connection of [...this.#connections]) if (connection.inFlight > 0) connection.destroy();
  }

  destroy(): void {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  // ---- a connection's events -------------------------------------------------------------------------------------

  onReady(): void {
    this.#endpoint.onReached();
    this.#drainPending();
  }

  onIdle(connection: RedisConnection): void {
    // One that was held up has no successor in time: another has its place.
    if (this.#shared[connection.protocol] !== connection && !this.#alone.has(connection)) connection.destroy();
  }

  onHeldUp(connection: RedisConnection): void {
    if (this.#shared[connection.protocol] !== connection) return;
    this.#shared[connection.protocol] = null;
    connection.forEachCall((call) => {
      if ('onHeldUp' in call) (call as RedisCall).onHeldUp();
    });
  }

  onClosed(connection: RedisConnection, reason: string, wasReady: boolean): void {
    this.#connections.delete(connection);
    this.#alone.delete(connection);
    if (this.#shared[connection.protocol] === connection) this.#shared[connection.protocol] = null;
    if (this.#isClosed) return;
    if (wasReady) this.#drainPending();
    else {
      this.#endpoint.onConnectFailed(reason);
      for (const request of this.#pending.takeAll())
        if ((request as RedisCall).protocol === connection.protocol)
          this.#endpoint.unavailable(request, 'unreachable', reason);
        else request.proceed();
    }
  }
}

import type { Protocol } from '../../../resp/index.ts';
import { FairQueue, isWaiting, type Waiting } from '../../core/owner/fair-queue.ts';
import type { Cleared, OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import { haveWait, type Pool, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { RedisContext } from '../redis-context.ts';
import { PrivateConnections } from './private-connections.ts';
import type { RedisCall } from './redis-call.ts';
import { RedisConnection, type RedisConnectionOwner } from './redis-connection.ts';
import type { ReplyTaker } from './reply-taker.ts';

/** Clients that block, or watch keys, have a connection each: as many as a worker's connections to an HTTP/1.1 shard. */
const MAX_PRIVATE = 1024;
/**
 * A replica that owes an answer is taken to be silent after so many looks, a second apart, and loses its connections after as many as that. Looks are
 * counted, and no time, so that a pause of the router itself is not held against it. The second is later than the first, so that a read which really takes
 * seconds is not begun at every server.
 */
const SILENT_AFTER_LOOKS = 2;
const ENDED_AFTER_LOOKS = 4;

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
  /** Those for one client at a time. */
  readonly #private = new PrivateConnections((protocol) => this.#open(protocol));
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
    const connection = own ?? (isAlone ? this.#takePrivate(call) : this.#sharedOf(protocol));
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

  #takePrivate(call: RedisCall): RedisConnection | null {
    return this.#private.take(call, this.#mostPrivate, this.#pending.length, this.#context.core.turn.nowMs);
  }

  get #mostPrivate(): number {
    return this.#endpoint.limits.connections ?? MAX_PRIVATE;
  }

  /** A client needs its connection no more, which remembers nothing of it. */
  giveBack(connection: RedisConnection): void {
    if (connection.isClosed || !this.#private.giveBack(connection)) return;
    const { nowMs } = this.#context.core.turn;
    const isNext = (request: OutgoingRequest): boolean => {
      const call = request as RedisCall;
      const mayHave = call.isAlone && call.own === null && call.protocol === connection.protocol;
      return mayHave && this.#private.mayTake(call, this.#mostPrivate, nowMs);
    };
    // One that has to wait elsewhere by now leaves it to the next.
    while (this.#private.isFree(connection.protocol)) {
      const next = this.#pending.next(isNext);
      if (next === null) return;
      this.#pending.remove(next);
      next.proceed();
    }
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

  /** Requests that are at the server, or wait for a connection to it. */
  get underWay(): number {
    return this.openStreams + this.#pending.length;
  }

  /** Whether a replica owes an answer, and has sent nothing for a second or two. */
  get isSilent(): boolean {
    for (const { silentLooks } of this.#connections) if (silentLooks >= SILENT_AFTER_LOOKS) return true;
    return false;
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
    this.#private.sweep(nowMs);
    if (this.#endpoint.isReplica) this.#endSilent();
  }

  /** Reads that hang at a replica end there: another server answers them. */
  #endSilent(): void {
    for (const connection of [...this.#connections]) {
      connection.lookForReply();
      if (connection.silentLooks >= ENDED_AFTER_LOOKS) connection.fail('it has sent nothing for some seconds');
    }
  }

  cut(): void {
    for (const connection of [...this.#connections]) if (connection.inFlight > 0) connection.destroy();
  }

  destroy(): void {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  // ---- a connection's events -------------------------------------------------------------------------------------

  onReady(connection: RedisConnection): void {
    this.#endpoint.onReached();
    this.#private.onReady(connection);
    this.#drainPending();
  }

  onIdle(connection: RedisConnection): void {
    // One that was held up has no successor in time: another has its place.
    if (this.#shared[connection.protocol] !== connection && !this.#private.has(connection)) connection.destroy();
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
    this.#private.onClosed(connection);
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

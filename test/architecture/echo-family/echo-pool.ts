import type { Socket } from 'node:net';
import { openSocket } from '../../../src/io/index.ts';
import type { CoreContext } from '../../../src/proxy/core/context.ts';
import { FairQueue, type Waiting } from '../../../src/proxy/core/owner/fair-queue.ts';
import type { Cleared, OutgoingRequest } from '../../../src/proxy/core/owner/outgoing-request.ts';
import { haveWait, type Pool, type ShardEndpoint } from '../../../src/proxy/core/owner/pool.ts';
import { Lines } from './lines.ts';

/** A request as its pool sees it: a line, and who takes the lines that answer it. */
export interface EchoCall extends OutgoingRequest {
  readonly line: string;
  onSent(connection: EchoConnection): void;
  onAnswer(line: string): void;
  onLost(reason: string, connected: boolean): void;
}

/** A connection to a shard, which has a request at a time. */
export class EchoConnection {
  readonly #socket: Socket;
  call: EchoCall | null = null;

  /** @param onIdle it may have another request; @param onClosed it is of no more use */
  constructor(endpoint: ShardEndpoint, onIdle: (connection: EchoConnection) => void, onClosed: () => void) {
    const lines = new Lines((line) => {
      const { call } = this;
      if (!line.startsWith('~')) this.call = null;
      call?.onAnswer(line);
      if (this.call === null) onIdle(this);
    });
    let reason = 'closed';
    let connected = false;
    const socket = openSocket(endpoint, [], (bytes, start, end) => lines.receive(bytes, start, end));
    socket.on('connect', () => {
      connected = true;
      endpoint.onReached();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('close', () => {
      const { call } = this;
      this.call = null;
      onClosed();
      if (!connected) endpoint.onConnectFailed(reason);
      call?.onLost(reason, connected);
    });
    this.#socket = socket;
  }

  get isFree(): boolean {
    return this.call === null && !this.#socket.destroyed;
  }

  send(call: EchoCall): void {
    this.call = call;
    this.#socket.write(`${call.line}\n`, 'latin1');
    call.onSent(this);
  }

  /** Nobody waits for its answer any more. */
  destroy(): void {
    this.call = null;
    this.#socket.destroy();
  }
}

/** Connections made on demand and kept, and the requests that wait for one. */
export class EchoPool implements Pool {
  readonly #context: CoreContext;
  readonly #endpoint: ShardEndpoint;
  readonly #connections = new Set<EchoConnection>();
  readonly #pending = new FairQueue<OutgoingRequest>();

  constructor(context: CoreContext, endpoint: ShardEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
  }

  dispatch(call: Cleared<EchoCall>): void {
    const connection = this.#free();
    if (connection === null) haveWait(call, this.#pending, this, this.#endpoint);
    else {
      this.#endpoint.onSending();
      connection.send(call);
    }
  }

  #free(): EchoConnection | null {
    for (const connection of this.#connections) if (connection.isFree) return connection;
    const { connections } = this.#endpoint.limits;
    if (this.#connections.size >= (connections ?? this.#context.limits.maxConnectionsPerShard)) return null;
    const made: EchoConnection = new EchoConnection(
      this.#endpoint,
      () => this.#pending.next()?.proceed(),
      () => {
        this.#connections.delete(made);
        this.#pending.next()?.proceed();
      },
    );
    this.#connections.add(made);
    return made;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get openStreams(): number {
    return [...this.#connections].filter(({ call }) => call !== null).length;
  }

  forEachOpen(visit: (request: Waiting) => void): void {
    for (const { call } of this.#connections) if (call !== null) visit(call);
  }

  forget(request: OutgoingRequest): void {
    this.#pending.remove(request);
  }

  sweep(): void {}

  cut(): void {
    for (const connection of this.#connections) if (connection.call !== null) connection.destroy();
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

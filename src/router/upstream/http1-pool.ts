import { Pool as UndiciPool } from 'undici';
import { Http1Call, requestFault, type UndiciCallOwner } from '../../http1/index.ts';
import {
  type Field,
  type HeaderBlock,
  type Http2Context,
  NameKind,
  type RequestConnection,
  type Stream,
  type StreamConnection,
  type StreamHandler,
} from '../../http2/index.ts';
import type { Exchange } from '../exchange.ts';
import { localReply } from '../local-reply.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClearedExchange } from '../waiting-place.ts';
import { undiciConnector } from './open-socket.ts';
import type { Pool, ShardEndpoint } from './pool.ts';
import { WebSocketCall } from './websocket-call.ts';

/** A shard that speaks HTTP/1.1: undici's connections, a request at a time on each, and the requests that wait for one. */
export class Http1Pool implements Pool, RequestConnection, UndiciCallOwner {
  readonly #endpoint: ShardEndpoint;
  readonly http2: Http2Context;
  readonly dispatcher: UndiciPool;
  readonly #onConnectFailure: () => void;
  readonly #calls = new Set<StreamConnection>();
  #pending: Exchange[] = [];

  /** @param onConnectFailure told where a connection could not be made */
  constructor(context: RouterContext, endpoint: ShardEndpoint, onConnectFailure: () => void = () => {}) {
    this.http2 = context.http2;
    this.#endpoint = endpoint;
    this.#onConnectFailure = onConnectFailure;
    const { limits } = context;
    this.dispatcher = new UndiciPool('http://shard', {
      connections: endpoint.limits.http1Connections,
      // The route's timeouts count, and a watch may be silent for hours.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      maxHeaderSize: context.http2.limits.maxHeaderListBytes,
      connect: undiciConnector(endpoint, limits.connectTimeoutMs),
    });
  }

  get openConnections(): number {
    return this.dispatcher.stats.connected;
  }

  get openStreams(): number {
    return this.#calls.size;
  }

  dispatch(exchange: ClearedExchange, block: HeaderBlock | null): void {
    const { http1Connections, pending } = this.#endpoint.limits;
    const fault = requestFault(exchange.request);
    if (fault !== null) exchange.refuse(localReply.badRequest(fault));
    else if (this.#calls.size < http1Connections) this.#send(exchange, block);
    else if (this.#pending.length < pending) {
      this.#pending.push(exchange);
      exchange.waitIn(this);
    } else exchange.refuse(localReply.overloaded(this.#endpoint.label));
  }

  #send(exchange: ClearedExchange, block: HeaderBlock | null): void {
    this.#endpoint.onSending();
    if (block === null) exchange.send(this);
    else exchange.sendFirst(this, block);
  }

  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const call = isWebSocket(block)
      ? new WebSocketCall(this, block, handler)
      : new Http1Call(this, block, endStream, handler);
    this.#calls.add(call);
    return call.stream;
  }

  onReached(): void {
    this.#endpoint.onReached();
  }

  onCallEnded(call: StreamConnection): void {
    this.#calls.delete(call);
    // One that may not go out now leaves its place to the next.
    while (this.#calls.size < this.#endpoint.limits.http1Connections) {
      const [next] = this.#pending;
      if (next === undefined) return;
      next.proceed();
    }
  }

  onConnectFailed(reason: string): void {
    this.#endpoint.onConnectFailed(reason);
    this.#onConnectFailure();
  }

  forget(exchange: Exchange): void {
    const place = this.#pending.indexOf(exchange);
    if (place >= 0) this.#pending.splice(place, 1);
  }

  sweep(): void {}

  cut(): void {
    for (const call of [...this.#calls]) call.destroy();
  }

  destroy(): void {
    // What is under way is told by its call; nobody waits for the rest.
    this.dispatcher.destroy().catch(() => {});
  }
}

/** Whether a request is an extended CONNECT. Its pseudo-header fields stand first. */
function isWebSocket(block: HeaderBlock): boolean {
  for (let i = 0; i < block.count; i++) {
    const { kind } = (block.fields[i] as Field).name;
    if (kind === NameKind.Protocol) return true;
    if (kind === NameKind.Other) return false;
  }
  return false;
}

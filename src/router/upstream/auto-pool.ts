import { Connection, type HeaderBlock } from '../../http2/index.ts';
import type { Exchange } from '../exchange.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClearedExchange } from '../waiting-place.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import { negotiated, openSocket } from './open-socket.ts';
import type { Pool, ShardEndpoint } from './pool.ts';

/**
 * A shard that is asked what it speaks: HTTP/2 with prior knowledge if it answers the preface with SETTINGS, and else
 * HTTP/1.1. It is asked again once a connection could not be made, for then it may have become another program.
 */
export class AutoPool implements Pool {
  readonly #context: RouterContext;
  readonly #endpoint: ShardEndpoint;
  #pool: Pool | null = null;
  #pending: Exchange[] = [];
  #probe: Connection | null = null;
  #closed = false;

  constructor(context: RouterContext, endpoint: ShardEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
  }

  get openConnections(): number {
    return this.#pool?.openConnections ?? 0;
  }

  get openStreams(): number {
    return this.#pool?.openStreams ?? 0;
  }

  dispatch(exchange: ClearedExchange, block: HeaderBlock | null): void {
    if (this.#pool !== null) this.#pool.dispatch(exchange, block);
    else if (this.#pending.length >= this.#endpoint.limits.pending) this.#endpoint.refuse(exchange, 'overloaded', '');
    else {
      this.#pending.push(exchange);
      exchange.waitIn(this);
      this.#ask();
    }
  }

  #ask(): void {
    if (this.#probe !== null || this.#closed) return;
    let connected = false;
    const holder: { probe: Connection | null } = { probe: null };
    const socket = openSocket(this.#endpoint, ['h2', 'http/1.1'], (bytes, start, end) =>
      holder.probe?.receive(bytes, start, end),
    );
    const probe = new Connection(socket, false, this.#context.http2, {
      onRequest() {},
      onFlood() {},
      onGoaway() {},
      onCapacity: () => {
        if (probe.ready) this.#decide(new Http2Pool(this.#context, this.#endpoint, this.#onConnectFailure));
      },
      onClosed: (_connection, reason) => {
        if (this.#probe !== probe) return;
        if (connected) this.#decide(new Http1Pool(this.#context, this.#endpoint, this.#onConnectFailure));
        else this.#refuseAll(reason ?? 'closed');
      },
    });
    holder.probe = probe;
    this.#probe = probe;
    socket.once(this.#endpoint.certificates === null ? 'connect' : 'secureConnect', () => {
      connected = true;
      if (negotiated(socket) === 'http/1.1') probe.destroy();
    });
    const timer = setTimeout(() => probe.destroy(), this.#context.limits.connectTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #decide(pool: Pool): void {
    const probe = this.#probe;
    this.#probe = null;
    probe?.destroy();
    this.#pool = pool;
    for (const exchange of this.#takePending()) exchange.proceed();
  }

  #refuseAll(reason: string): void {
    this.#probe = null;
    this.#endpoint.onConnectFailed(reason);
    for (const exchange of this.#takePending()) this.#endpoint.unavailable(exchange, 'unreachable', reason);
  }

  #takePending(): Exchange[] {
    const pending = this.#pending;
    this.#pending = [];
    return pending;
  }

  readonly #onConnectFailure = (): void => {
    const pool = this.#pool;
    if (pool === null || pool.openStreams > 0) return;
    this.#pool = null;
    // Not in the midst of what the pool is telling.
    setImmediate(() => pool.destroy());
  };

  forget(exchange: Exchange): void {
    const place = this.#pending.indexOf(exchange);
    if (place >= 0) this.#pending.splice(place, 1);
  }

  sweep(nowMs: number): void {
    this.#pool?.sweep(nowMs);
  }

  cut(): void {
    this.#pool?.cut();
  }

  destroy(): void {
    this.#closed = true;
    const probe = this.#probe;
    this.#probe = null;
    probe?.destroy();
    this.#pool?.destroy();
  }
}

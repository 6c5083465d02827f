import type { HeaderBlock } from '../../../http/index.ts';
import { Connection } from '../../../http2/index.ts';
import { negotiated, openSocket } from '../../../io/index.ts';
import { FairQueue, type Waiting } from '../../core/owner/fair-queue.ts';
import type { OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import { haveWait, type ShardEndpoint } from '../../core/owner/pool.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClearedRequest, HttpPool, OnDoubt } from './http-pool.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';

type Spoken = 'http2' | 'http1';

/** A pool, and what it speaks. */
interface Known {
  readonly spoken: Spoken;
  readonly pool: HttpPool;
}

/**
 * A shard that is asked what it speaks: HTTP/2 with prior knowledge if it answers the preface with SETTINGS, and else
 * HTTP/1.1. No answer is believed for longer than connections bear it out: whenever a new one ends without a word of
 * the pool's protocol the shard is asked again, for it may have become another program, or it was a forwarder with
 * nothing behind it.
 */
export class AutoPool implements HttpPool {
  readonly #context: RouterContext;
  readonly #endpoint: ShardEndpoint;
  /** Null: it has to be asked before a request goes to it. */
  #known: Known | null = null;
  /** In doubt: what is open on them goes on, and they are taken back where the shard says the same again. */
  #doubted: Known[] = [];
  readonly #pending = new FairQueue<OutgoingRequest>();
  #probe: Connection | null = null;
  #closed = false;

  constructor(context: RouterContext, endpoint: ShardEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
  }

  get openConnections(): number {
    return this.#all.reduce((sum, { pool }) => sum + pool.openConnections, 0);
  }

  get openStreams(): number {
    const known = this.#known?.pool.openStreams ?? 0;
    return this.#doubted.length === 0 ? known : this.#doubted.reduce((sum, { pool }) => sum + pool.openStreams, known);
  }

  get #all(): readonly Known[] {
    return this.#known === null ? this.#doubted : [this.#known, ...this.#doubted];
  }

  dispatch(request: ClearedRequest, block: HeaderBlock | null): void {
    if (this.#known !== null) this.#known.pool.dispatch(request, block);
    else {
      haveWait(request, this.#pending, this, this.#endpoint);
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
    const probe = new Connection(socket, false, this.#context.http, {
      onRequest() {},
      onFlood() {},
      onGoaway() {},
      onCapacity: () => {
        if (probe.ready) this.#decide('http2');
      },
      onClosed: (_connection, reason) => {
        if (this.#probe !== probe) return;
        if (connected) this.#decide('http1');
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

  #decide(spoken: Spoken): void {
    const probe = this.#probe;
    this.#probe = null;
    probe?.destroy();
    if (this.#known?.spoken !== spoken) {
      this.#doubt();
      this.#known = this.#doubted.find((each) => each.spoken === spoken) ?? this.#newPool(spoken);
      this.#doubted = this.#doubted.filter((each) => each !== this.#known);
    }
    for (const request of this.#pending.takeAll()) request.proceed();
  }

  #newPool(spoken: Spoken): Known {
    const onDoubt: OnDoubt = (mayServe) => {
      if (this.#known !== known) return;
      if (mayServe) this.#ask();
      else this.#doubt();
    };
    const Kind = spoken === 'http2' ? Http2Pool : Http1Pool;
    const known: Known = { spoken, pool: new Kind(this.#context, this.#endpoint, onDoubt) };
    return known;
  }

  /** Has the shard asked before the next request goes to it. */
  #doubt(): void {
    if (this.#known === null) return;
    this.#doubted.push(this.#known);
    this.#known = null;
  }

  #refuseAll(reason: string): void {
    this.#probe = null;
    this.#endpoint.onConnectFailed(reason);
    for (const request of this.#pending.takeAll()) this.#endpoint.unavailable(request, 'unreachable', reason);
  }

  forEachOpen(visit: (request: Waiting) => void): void {
    for (const { pool } of this.#all) pool.forEachOpen(visit);
  }

  forget(request: OutgoingRequest): void {
    this.#pending.remove(request);
  }

  sweep(nowMs: number): void {
    for (const each of this.#all) each.pool.sweep(nowMs);
    const done = this.#doubted.filter(({ pool }) => pool.openStreams === 0);
    if (done.length === 0) return;
    this.#doubted = this.#doubted.filter((each) => !done.includes(each));
    for (const { pool } of done) pool.destroy();
  }

  cut(): void {
    for (const { pool } of this.#all) pool.cut();
  }

  destroy(): void {
    this.#closed = true;
    const probe = this.#probe;
    this.#probe = null;
    probe?.destroy();
    for (const { pool } of this.#all) pool.destroy();
  }
}

import type { HeaderBlock } from '../../http2/index.ts';
import { splitAddress } from '../../topology/index.ts';
import type { Exchange } from '../exchange.ts';
import type { RouterContext } from '../router-context.ts';
import { ClientCertificates, type ClientTlsDescription } from '../tls/tls-files.ts';
import { AutoPool } from './auto-pool.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import type { Pool, ShardEndpoint } from './pool.ts';

/** How a cluster's shards are spoken to. Plain data. */
export interface UpstreamDescription {
  /** `auto` asks each shard. */
  readonly protocol: 'http2' | 'http1' | 'auto';
  readonly tls?: ClientTlsDescription | undefined;
}

export const defaultUpstream: UpstreamDescription = { protocol: 'http2' };

const POOLS: Readonly<
  Record<UpstreamDescription['protocol'], (context: RouterContext, endpoint: ShardEndpoint) => Pool>
> = {
  http2: (context, endpoint) => new Http2Pool(context, endpoint),
  http1: (context, endpoint) => new Http1Pool(context, endpoint),
  auto: (context, endpoint) => new AutoPool(context, endpoint),
};

/** A shard as one router thread reaches it. */
export class Upstream implements ShardEndpoint {
  readonly cluster: string;
  readonly id: string;
  readonly address: string;
  readonly target;
  readonly label: string;
  readonly counters;
  readonly certificates;
  readonly #pool: Pool;

  constructor(context: RouterContext, cluster: string, id: string, address: string, description: UpstreamDescription) {
    this.cluster = cluster;
    this.id = id;
    this.address = address;
    this.target = splitAddress(address);
    this.label = `${id} (${address})`;
    this.counters = context.counters.shard(cluster, id);
    this.certificates = description.tls === undefined ? null : new ClientCertificates(description.tls);
    this.#pool = POOLS[description.protocol](context, this);
  }

  /** See `Pool.dispatch`. */
  dispatch(exchange: Exchange, block: HeaderBlock | null): void {
    this.#pool.dispatch(exchange, block);
  }

  /** An exchange that waited has ended by itself. */
  forget(exchange: Exchange): void {
    this.#pool.forget(exchange);
  }

  /** Brings the counters that are states up to date. */
  refreshCounters(): void {
    this.counters.connections = this.#pool.openConnections;
    this.counters.streams = this.#pool.openStreams;
  }

  sweep(nowMs: number): void {
    this.#pool.sweep(nowMs);
  }

  /** Cuts all connections. No new request is taken. */
  destroy(): void {
    this.#pool.destroy();
  }
}

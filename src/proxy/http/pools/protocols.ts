import type { Owners } from '../../core/gate/owners.ts';
import type { PoolFactory } from '../../core/owner/pool.ts';
import type { RouterContext } from '../router-context.ts';
import { AutoPool } from './auto-pool.ts';
import type { HttpOwners, HttpPool } from './http-pool.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';

/** What a cluster's shards may speak of HTTP; `auto` asks each of them. */
type HttpProtocol = 'http2' | 'http1' | 'auto';

/** What makes the pools of each protocol. */
export function httpPools(context: RouterContext): Readonly<Record<HttpProtocol, PoolFactory<HttpPool>>> {
  return {
    http2: (endpoint) => new Http2Pool(context, endpoint),
    http1: (endpoint) => new Http1Pool(context, endpoint),
    auto: (endpoint) => new AutoPool(context, endpoint),
  };
}

const PROTOCOLS: ReadonlySet<string> = new Set<HttpProtocol>(['http2', 'http1', 'auto']);

/** Whether a cluster's shards speak HTTP, so that these pools reach them. */
export function speakHttp(owners: Owners): owners is HttpOwners {
  return PROTOCOLS.has(owners.protocol);
}

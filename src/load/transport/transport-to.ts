import type { HttpContext } from '../../http/index.ts';
import { Http1Transport } from './http1-transport.ts';
import { Http2Transport } from './http2-transport.ts';
import type { Target, Transport } from './transport.ts';

/** A number of connections to a target, by the version of HTTP that is wanted. They are made when they are opened. */
export function transportTo(target: Target, http1: boolean, count: number, context: HttpContext): Transport {
  return http1 ? new Http1Transport(target, count, context) : new Http2Transport(target, count, context);
}

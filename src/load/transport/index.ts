/** How requests get to a target and answers back: HTTP/2 by the project's own engine, HTTP/1.1 by undici. */
export { Exchange, type ExchangeEnd } from './exchange.ts';
export { Http1Transport } from './http1-transport.ts';
export { Http2Transport } from './http2-transport.ts';
export type { RequestConnection, Target, TargetTls, Transport } from './transport.ts';

/** How requests get to a target and answers back: HTTP/2 by the project's own engine, HTTP/1.1 likewise. */
export { Exchange, type ExchangeEnd } from './exchange.ts';
export type { Target, TargetTls, Transport } from './transport.ts';
export { transportTo } from './transport-to.ts';

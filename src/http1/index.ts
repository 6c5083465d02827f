/** HTTP/1.1 on raw sockets (RFC 9112), its messages shown as streams in HTTP/2's terms. */
export { Http1Call } from './client/http1-call.ts';
export { fillBlock, requestFault, statusField } from './client/message.ts';
export { UndiciCall, type UndiciCallOwner } from './client/undici-call.ts';
export type { Http1Fault } from './fault.ts';
export { Http1Connection, type Http1Handler } from './server-connection.ts';
export { acceptOf, isHandshakeField, newKey } from './websocket.ts';
export { WINDOW_BYTES, widen } from './window.ts';

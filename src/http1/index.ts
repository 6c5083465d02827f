/** HTTP/1.1 on raw sockets (RFC 9112), its messages shown as streams in HTTP/2's terms. */
export { Http1ClientConnection, type Http1ClientHandler } from './client/client-connection.ts';
export type { Http1Fault } from './fault.ts';
export type { Http1Handler } from './http1-handler.ts';
export { Http1Connection } from './server-connection.ts';

/** HTTP/2 on raw sockets (RFC 9113). It knows connections, streams and messages; no shard, no key. */

export { Connection } from './connection.ts';
export type { ConnectionHandler } from './connection-handler.ts';
export { HpackDecoder, HpackEncoder } from './hpack/index.ts';

/** HTTP/2 on raw sockets (RFC 9113). It knows connections, streams and messages; no shard, no key. */

export { Connection, type ConnectionHandler } from './connection.ts';
export { HpackDecoder, HpackEncoder } from './hpack/index.ts';

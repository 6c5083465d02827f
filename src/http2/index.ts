/** HTTP/2 on raw sockets (RFC 9113). It knows connections, streams and messages; no shard, no key. */
export { ByteQueue } from './byte-queue.ts';
export { Connection } from './connection.ts';
export type { ConnectionHandler } from './connection-handler.ts';
export { type HttpContext, httpContext } from './context.ts';
export { endSocket } from './end-socket.ts';
export { ErrorCode } from './error-codes.ts';
export {
  Field,
  type FieldCache,
  field,
  HeaderBlock,
  HeaderName,
  HOST_VALUE,
  headerName,
  LAST_PSEUDO_KIND,
  LONGEST_KEPT,
  NameKind,
  peerName,
  TARGET,
  TOKEN,
  transientField,
} from './hpack/index.ts';
export { defaultLimits, type FloodCause, floodCauses, type HttpLimits, TokenBucket } from './limits.ts';
export { MessageHead } from './message-head.ts';
export { copyInto, Output, type OutputListener } from './output.ts';
export { type ByteReceiver, KEEP_ALIVE, readShared, sharedRead } from './shared-read.ts';
export {
  isUnprocessed,
  type RequestConnection,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
  unhandled,
} from './stream.ts';
export type { ClockWatcher, Turn } from './turn.ts';

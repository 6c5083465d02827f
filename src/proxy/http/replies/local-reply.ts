import { ErrorCode, type Field, field, HeaderBlock, type Stream, transientField } from '../../../http/index.ts';
import {
  type ClientProtocol,
  closeFrame,
  encodeGrpcMessage,
  enveloped,
  GrpcStatus,
  SERVICE_RESTART,
} from '../../../rpc/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import { staleField } from '../exchange/answer-meaning.ts';
import { countReply, countReplyEnd } from '../observe/statuses.ts';

/** Why the router answers a request of HTTP itself, as counters and logs name it. */
export const refusalReasons = [
  'no_route',
  'no_shard_key',
  'bad_request',
  'no_owner',
  'owner_unavailable',
  'overloaded',
  'rate_limited',
  'too_large',
  'idle_stream',
  'slow_content',
  'deadline',
  'upstream_fault',
  'moved',
  'held',
  'no_lease',
  'lost_key',
  'loop',
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** An answer of the router's own, in gRPC's terms and in HTTP's. */
export interface LocalReply {
  readonly refusal: RefusalReason;
  readonly grpcStatus: GrpcStatus;
  readonly httpStatus: 400 | 403 | 404 | 408 | 413 | 421 | 429 | 501 | 502 | 503 | 504 | 508;
  readonly message: string;
  /** When it may be worth trying again. */
  readonly retryAfterMs?: number;
  /** For a router: the version by which its request's key is another shard's. */
  readonly lostBy?: number;
}

export const localReply = {
  noRoute: (path: string): LocalReply => ({
    refusal: 'no_route',
    grpcStatus: GrpcStatus.Unimplemented,
    httpStatus: 404,
    message: `no route matches ${path}`,
  }),
  notSupported: (method: string): LocalReply => ({
    refusal: 'no_route',
    grpcStatus: GrpcStatus.Unimplemented,
    httpStatus: 501,
    message: `method ${method} is not supported`,
  }),
  noShardKey: (message: string): LocalReply => ({
    refusal: 'no_shard_key',
    grpcStatus: GrpcStatus.InvalidArgument,
    httpStatus: 400,
    message,
  }),
  badRequest: (message: string): LocalReply => ({
    refusal: 'bad_request',
    grpcStatus: GrpcStatus.InvalidArgument,
    httpStatus: 400,
    message,
  }),
  noOwner: (cluster: string): LocalReply => ({
    refusal: 'no_owner',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `no shard of cluster ${cluster} owns this key`,
  }),
  ownerUnavailable: (shard: string, cause: string): LocalReply => ({
    refusal: 'owner_unavailable',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `shard ${shard} is unavailable: ${cause}`,
  }),
  overloaded: (shard: string): LocalReply => ({
    refusal: 'overloaded',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `shard ${shard} has too many requests waiting`,
  }),
  deadline: (): LocalReply => ({
    refusal: 'deadline',
    grpcStatus: GrpcStatus.DeadlineExceeded,
    httpStatus: 504,
    message: 'the deadline of the request has passed',
  }),
  ownerReset: (shard: string): LocalReply => ({
    refusal: 'owner_unavailable',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 502,
    message: `shard ${shard} gave up the request`,
  }),
  rateLimited: (who: string): LocalReply => ({
    refusal: 'rate_limited',
    grpcStatus: GrpcStatus.ResourceExhausted,
    httpStatus: 429,
    message: `too many requests of this ${who}`,
    retryAfterMs: 1000,
  }),
  tooLarge: (bytes: number): LocalReply => ({
    refusal: 'too_large',
    grpcStatus: GrpcStatus.ResourceExhausted,
    httpStatus: 413,
    message: `a request of more than ${bytes} bytes`,
  }),
  slowContent: (ms: number): LocalReply => ({
    refusal: 'slow_content',
    grpcStatus: GrpcStatus.DeadlineExceeded,
    httpStatus: 408,
    message: `the request's content has hardly moved for ${ms} ms`,
  }),
  idleStream: (ms: number): LocalReply => ({
    refusal: 'idle_stream',
    grpcStatus: GrpcStatus.DeadlineExceeded,
    httpStatus: 504,
    message: `nothing has moved on the stream for ${ms} ms`,
  }),
  moved: (message: string, status: 'unavailable' | 'ok', retryAfterMs: number, lostBy = 0): LocalReply => ({
    refusal: 'moved',
    grpcStatus: status === 'ok' ? GrpcStatus.Ok : GrpcStatus.Unavailable,
    httpStatus: 503,
    message,
    retryAfterMs,
    ...(lostBy > 0 && { lostBy }),
  }),
  lostKey: (cluster: string, version: number): LocalReply => ({
    refusal: 'lost_key',
    grpcStatus: GrpcStatus.FailedPrecondition,
    httpStatus: 421,
    message: `the key is another shard's by version ${version} of ${cluster}`,
    lostBy: version,
  }),
  loop: (shard: string): LocalReply => ({
    refusal: 'loop',
    grpcStatus: GrpcStatus.FailedPrecondition,
    httpStatus: 508,
    message: `the request has gone out by the egress of ${shard} before`,
  }),
  heldTooLong: (cluster: string, retryAfterMs: number): LocalReply => ({
    refusal: 'held',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `the key is being handed over, or ${cluster} may not be served now, and the request has waited long enough`,
    retryAfterMs,
  }),
  heldTooMany: (cluster: string, retryAfterMs: number): LocalReply => ({
    refusal: 'held',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `too many requests to ${cluster} wait for keys to be handed over`,
    retryAfterMs,
  }),
  noLease: (cluster: string): LocalReply => ({
    refusal: 'no_lease',
    grpcStatus: GrpcStatus.Unavailable,
    httpStatus: 503,
    message: `this router has lost its lease: ownership in ${cluster} may have changed`,
    retryAfterMs: 1000,
  }),
  shardWithoutLease: (shard: string, cluster: string): LocalReply => ({
    ...localReply.noLease(cluster),
    message: `shard ${shard} may not serve: the lease of its sidecar is over, and ownership in ${cluster} may have changed`,
  }),
  upstreamFault: (shard: string, reason = ''): LocalReply => ({
    refusal: 'upstream_fault',
    grpcStatus: GrpcStatus.Internal,
    httpStatus: 502,
    message: `shard ${shard} broke the protocol${reason === '' ? '' : `: ${reason}`}`,
  }),
  notSwitched: (shard: string): LocalReply => ({
    refusal: 'bad_request',
    grpcStatus: GrpcStatus.Unimplemented,
    httpStatus: 501,
    message: `shard ${shard} does not accept a WebSocket here`,
  }),
} as const;

const STATUS_200 = field(':status', '200');
const TEXT_CONTENT_TYPE = field('content-type', 'text/plain; charset=utf-8');
const JSON_CONTENT_TYPE = field('content-type', 'application/json');
const GRPC_CONTENT_TYPES = {
  grpc: field('content-type', 'application/grpc'),
  'grpc-web': field('content-type', 'application/grpc-web+proto'),
  'grpc-web-text': field('content-type', 'application/grpc-web-text+proto'),
  'connect-stream': field('content-type', 'application/connect+json'),
} as const;

/** Connect's name and HTTP status for each of gRPC's that we answer with (Connect protocol, "Error Codes"). */
const CONNECT_CODES: Readonly<Record<GrpcStatus, readonly [name: string, httpStatus: number]>> = {
  // Connect has no name for what is no error.
  [GrpcStatus.Ok]: ['', 200],
  [GrpcStatus.InvalidArgument]: ['invalid_argument', 400],
  [GrpcStatus.DeadlineExceeded]: ['deadline_exceeded', 504],
  [GrpcStatus.PermissionDenied]: ['permission_denied', 403],
  [GrpcStatus.ResourceExhausted]: ['resource_exhausted', 429],
  [GrpcStatus.FailedPrecondition]: ['failed_precondition', 400],
  [GrpcStatus.Unimplemented]: ['unimplemented', 501],
  [GrpcStatus.Internal]: ['internal', 500],
  [GrpcStatus.Unavailable]: ['unavailable', 503],
};

/** An envelope's flags: gRPC-Web's trailers, Connect's end of a stream. */
const TRAILER_FLAG = 0x80;
const END_STREAM_FLAG = 0x02;

const block = new HeaderBlock();

function statusFields(reply: LocalReply): Field[] {
  const fields = [
    field('grpc-status', String(reply.grpcStatus)),
    transientField('grpc-message', encodeGrpcMessage(reply.message)),
  ];
  if (reply.retryAfterMs !== undefined)
    fields.push(transientField('grpc-retry-pushback-ms', String(Math.round(reply.retryAfterMs))));
  if (reply.lostBy !== undefined) fields.push(staleField(reply.lostBy));
  return fields;
}

function envelope(flags: number, text: string): Buffer {
  return enveloped(Buffer.from(text, 'utf8'), flags);
}

function connectError(reply: LocalReply): { readonly code: string; readonly message: string } {
  return { code: CONNECT_CODES[reply.grpcStatus][0], message: reply.message };
}

/** The message that ends a stream of a protocol that has its trailers inside the content. */
function lastMessage(protocol: 'grpc-web' | 'grpc-web-text' | 'connect-stream', reply: LocalReply): Buffer {
  if (protocol === 'connect-stream') {
    const end = reply.grpcStatus === GrpcStatus.Ok ? {} : { error: connectError(reply) };
    return envelope(END_STREAM_FLAG, JSON.stringify(end));
  }
  const trailers = statusFields(reply).map(({ name, text }) => `${name.text}: ${text}\r\n`);
  const frame = envelope(TRAILER_FLAG, trailers.join(''));
  return protocol === 'grpc-web-text' ? Buffer.from(frame.toString('base64'), 'latin1') : frame;
}

/**
 * Answers on a stream on which nothing was sent yet, in the protocol that its client speaks, and counts it.
 * @param more headers for the answer, such as those that let a page of another origin read it
 */
export function sendReply(
  counters: TrafficCounters,
  stream: Stream,
  protocol: ClientProtocol,
  reply: LocalReply,
  more: readonly Field[],
): void {
  // Routers look for a lost key in the status, and in gRPC's.
  const isMisdirected = reply.httpStatus === 421 && protocol !== 'grpc';
  if (isMisdirected || protocol === 'http' || protocol === 'connect') {
    const connect = protocol === 'connect' && !isMisdirected;
    const status = connect ? CONNECT_CODES[reply.grpcStatus][1] : reply.httpStatus;
    const text = connect ? JSON.stringify(connectError(reply)) : `${reply.message}\n`;
    countReply(counters, status, null);
    const type = connect ? JSON_CONTENT_TYPE : TEXT_CONTENT_TYPE;
    const head = [transientField(':status', String(status)), type, ...more];
    if (reply.retryAfterMs !== undefined)
      head.push(transientField('retry-after', String(Math.ceil(reply.retryAfterMs / 1000))));
    if (reply.lostBy !== undefined) head.push(staleField(reply.lostBy));
    sendWhole(stream, head, Buffer.from(text, 'utf8'));
    return;
  }
  countReply(counters, 200, reply.grpcStatus);
  const head = [STATUS_200, GRPC_CONTENT_TYPES[protocol], ...more];
  if (protocol === 'grpc') {
    block.set([...head, ...statusFields(reply)]);
    stream.connection.sendHeaders(stream, block, true);
  } else sendWhole(stream, head, lastMessage(protocol, reply));
}

function sendWhole(stream: Stream, head: readonly Field[], content: Uint8Array): void {
  const { connection } = stream;
  block.set([...head, transientField('content-length', String(content.length))]);
  connection.sendHeaders(stream, block, stream.isHead);
  if (!stream.isHead) connection.sendData(stream, content, 0, content.length, true);
}

/**
 * Ends an answer that has begun, and was counted then, in the way of its client's protocol; where that has none, or a
 * message is under way, there is nothing but a reset.
 * @param mayEnd plain content of no announced length may end anywhere, where that means no more than "come again"
 */
export function endWithReply(
  counters: TrafficCounters,
  stream: Stream,
  protocol: ClientProtocol | 'websocket',
  reply: LocalReply,
  betweenMessages: boolean,
  mayEnd: boolean,
): void {
  const { connection } = stream;
  if (protocol === 'grpc') {
    countReplyEnd(counters, 200, reply.grpcStatus);
    block.set(statusFields(reply));
    connection.sendTrailers(stream, block);
  } else if (protocol === 'websocket' && betweenMessages && COMES_AGAIN.has(reply.refusal)) {
    const last = closeFrame(SERVICE_RESTART, reply.message);
    connection.sendData(stream, last, 0, last.length, true);
  } else if (protocol !== 'http' && protocol !== 'connect' && protocol !== 'websocket' && betweenMessages) {
    countReplyEnd(counters, 200, reply.grpcStatus);
    const last = lastMessage(protocol, reply);
    connection.sendData(stream, last, 0, last.length, true);
  } else if (protocol === 'http' && mayEnd) {
    countReplyEnd(counters, 200, null);
    connection.sendData(stream, NOTHING, 0, 0, true);
  } else connection.reset(stream, ErrorCode.InternalError);
}

const NOTHING = new Uint8Array(0);

/** Where the client of a WebSocket is told to come again; any other fault cuts it. */
const COMES_AGAIN: ReadonlySet<RefusalReason> = new Set<RefusalReason>(['moved', 'no_lease']);

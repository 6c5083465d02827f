import { ErrorCode, type Field, field, HeaderBlock, type Stream, transientField } from '../http2/index.ts';
import type { Refusal, RouterCounters } from './counters.ts';
import { encodeGrpcMessage, GrpcStatus } from './grpc.ts';

/** An answer of the router's own, in both of the forms that it may take. */
export interface LocalReply {
  readonly refusal: Refusal;
  readonly grpcStatus: GrpcStatus;
  readonly httpStatus: 400 | 404 | 501 | 502 | 503 | 504;
  readonly message: string;
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
  upstreamFault: (shard: string): LocalReply => ({
    refusal: 'upstream_fault',
    grpcStatus: GrpcStatus.Internal,
    httpStatus: 502,
    message: `shard ${shard} broke the protocol`,
  }),
} as const;

const STATUS_200 = field(':status', '200');
const GRPC_CONTENT_TYPE = field('content-type', 'application/grpc');
const TEXT_CONTENT_TYPE = field('content-type', 'text/plain; charset=utf-8');
const block = new HeaderBlock();

function statusFields(reply: LocalReply): Field[] {
  return [
    field('grpc-status', String(reply.grpcStatus)),
    transientField('grpc-message', encodeGrpcMessage(reply.message)),
  ];
}

/** Answers on a stream on which nothing was sent yet, and counts it: trailers-only for gRPC, text for others. */
export function sendReply(counters: RouterCounters, stream: Stream, grpc: boolean, reply: LocalReply): void {
  const { connection } = stream;
  counters.countResponse(grpc ? 2 : Math.floor(reply.httpStatus / 100));
  if (grpc) {
    counters.countGrpcStatus(reply.grpcStatus);
    block.set([STATUS_200, GRPC_CONTENT_TYPE, ...statusFields(reply)]);
    connection.sendHeaders(stream, block, true);
    return;
  }
  const text = Buffer.from(`${reply.message}\n`, 'utf8');
  block.set([
    transientField(':status', String(reply.httpStatus)),
    TEXT_CONTENT_TYPE,
    transientField('content-length', String(text.length)),
  ]);
  connection.sendHeaders(stream, block, false);
  connection.sendData(stream, text, 0, text.length, true);
}

/** Ends an answer that has begun, and was counted then: by trailers for gRPC; else there is no way but a reset. */
export function endWithReply(counters: RouterCounters, stream: Stream, grpc: boolean, reply: LocalReply): void {
  const { connection } = stream;
  if (!grpc) {
    connection.reset(stream, ErrorCode.InternalError);
    return;
  }
  counters.countGrpcStatus(reply.grpcStatus);
  block.set(statusFields(reply));
  connection.sendTrailers(stream, block);
}

import { GRPC_STATUS_NAMES, GrpcStatus } from '../../../rpc/index.ts';
import { Outcome, type StatusKind, type TrafficCounters } from '../../core/counters.ts';

/** HTTP's statuses by their class. Only final answers are counted, so that the first class is 2xx. */
export const statusClasses: StatusKind = {
  metric: 'responses',
  help: 'Responses by class of HTTP status.',
  label: 'class',
  names: ['2xx', '3xx', '4xx', '5xx'],
  always: ['2xx', '3xx', '4xx', '5xx'],
};

/** gRPC's statuses. Those that never came are left out: seventeen series a shard would say little. */
export const grpcStatuses: StatusKind = {
  metric: 'grpc_responses',
  help: 'gRPC responses by status.',
  label: 'status',
  names: GRPC_STATUS_NAMES,
  always: ['OK'],
};

/** The first digit of the statuses that are counted first. */
const FIRST_CLASS = 2;

/** Counts the final header section of an answer. */
export function countStatus({ statuses }: TrafficCounters, httpStatus: number): void {
  const counts = statuses[statusClasses.metric];
  const at = Math.trunc(httpStatus / 100) - FIRST_CLASS;
  if (counts?.[at] !== undefined) counts[at]++;
}

/** Counts the end of an answer of gRPC. */
export function countGrpcStatus({ statuses }: TrafficCounters, grpcStatus: number): void {
  const counts = statuses[grpcStatuses.metric];
  if (counts?.[grpcStatus] !== undefined) counts[grpcStatus]++;
}

/** The statuses with which a server says that it is at fault itself (OpenTelemetry's semantic conventions, "gRPC Status"). */
const GRPC_SERVER_ERRORS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

const GRPC_OUTCOMES: readonly Outcome[] = GRPC_STATUS_NAMES.map((name, status) => {
  if (status === GrpcStatus.Ok) return Outcome.Ok;
  return GRPC_SERVER_ERRORS.has(name) ? Outcome.ServerError : Outcome.ClientError;
});

/**
 * How a request has ended, by the statuses of its complete answer.
 * @param grpcStatus null where the answer is none of gRPC; a number that gRPC does not have stands for UNKNOWN
 */
export function outcomeOf(httpStatus: number, grpcStatus: number | null): Outcome {
  if (httpStatus >= 500) return Outcome.ServerError;
  if (httpStatus >= 400) return Outcome.ClientError;
  return grpcStatus === null ? Outcome.Ok : (GRPC_OUTCOMES[grpcStatus] ?? Outcome.ServerError);
}

/** Counts a whole answer of the router's own. */
export function countReply(counters: TrafficCounters, httpStatus: number, grpcStatus: number | null): void {
  countStatus(counters, httpStatus);
  countReplyEnd(counters, httpStatus, grpcStatus);
}

/** Counts the end that the router gives an answer; its header section was counted when it came. */
export function countReplyEnd(counters: TrafficCounters, httpStatus: number, grpcStatus: number | null): void {
  counters.countOutcome(outcomeOf(httpStatus, grpcStatus));
  if (grpcStatus !== null) countGrpcStatus(counters, grpcStatus);
}

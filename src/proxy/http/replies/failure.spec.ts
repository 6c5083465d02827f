import { describe, expect, it } from 'vitest';
import { ErrorCode, ResetCause, type StreamConnection } from '../../../http/index.ts';
import { GrpcStatus } from '../../../rpc/grpc.ts';
import { type FailureCause, failureCauses } from '../../core/failure.ts';
import { ENDINGS, failureCause, reasonOf } from './failure.ts';
import { replyTo } from './reply-to.ts';

const { Internal, Unavailable, Unimplemented } = GrpcStatus;

/** For each cause: HTTP and gRPC status, before and within an answer. */
const TABLE: ReadonlyArray<readonly [FailureCause, number, GrpcStatus, string, string]> = [
  ['not_switched', 501, Unimplemented, 'reply', 'reset'],
  ['declined', 502, Unavailable, 'reset', 'reset'],
  ['unreachable', 503, Unavailable, 'reply', 'reply'],
  ['lost', 503, Unavailable, 'reply', 'reply'],
  ['refused', 503, Unavailable, 'reply', 'reply'],
  ['gave_up', 502, Unavailable, 'reset', 'reset'],
  ['stalled', 503, Unavailable, 'reply', 'reset'],
  ['violation', 502, Internal, 'reply', 'reset'],
  ['unhealthy', 503, Unavailable, 'reply', 'reply'],
  ['overloaded', 503, Unavailable, 'reply', 'reply'],
];

describe('what a client is told of a failure', () => {
  it.each(TABLE)('%s', (failure, http, grpc, before, midway) => {
    const { httpStatus, grpcStatus, message } = replyTo({ kind: 'failure', failure, shard: 's0', reason: 'why' });
    expect([httpStatus, grpcStatus]).toEqual([http, grpc]);
    expect(ENDINGS[failure]).toEqual({ before, midway });
    expect(message).toContain('s0');
  });

  it('is said of all of them', () => {
    expect(TABLE.map(([cause]) => cause)).toEqual([...failureCauses]);
  });
});

describe('a stream that ended before its time', () => {
  const connection = (connected: boolean): StreamConnection =>
    ({ connected, ready: connected, endedBecause: 'ECONNRESET' }) as StreamConnection;

  it.each([
    [ErrorCode.RefusedStream, ResetCause.Peer, 'refused'],
    [ErrorCode.RefusedStream, ResetCause.Unprocessed, 'refused'],
    [ErrorCode.InternalError, ResetCause.Peer, 'gave_up'],
    [ErrorCode.ConnectError, ResetCause.Peer, 'gave_up'],
    [ErrorCode.NoError, ResetCause.Peer, 'declined'],
    [ErrorCode.ProtocolError, ResetCause.Peer, 'declined'],
    [ErrorCode.FlowControlError, ResetCause.Peer, 'declined'],
    [ErrorCode.Cancel, ResetCause.Peer, 'declined'],
    [ErrorCode.EnhanceYourCalm, ResetCause.Peer, 'declined'],
    [ErrorCode.Http11Required, ResetCause.Peer, 'declined'],
    [ErrorCode.ProtocolError, ResetCause.Violation, 'violation'],
    [ErrorCode.EnhanceYourCalm, ResetCause.TooSlow, 'stalled'],
    [ErrorCode.InternalError, ResetCause.ConnectionLost, 'lost'],
  ] as const)('with code %i by cause %i', (code, cause, expected) => {
    expect(failureCause(connection(true), code, cause)).toBe(expected);
  });

  it('lost nothing where its connection never came up', () => {
    expect(failureCause(connection(false), ErrorCode.InternalError, ResetCause.ConnectionLost)).toBe('unreachable');
    expect(reasonOf(connection(false), 'unreachable')).toBe('ECONNRESET');
    expect(reasonOf(connection(true), 'lost')).toBe('the connection was lost (ECONNRESET)');
  });
});

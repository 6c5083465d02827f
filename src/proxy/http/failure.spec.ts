import { describe, expect, it } from 'vitest';
import { ErrorCode, ResetCause, type StreamConnection } from '../../http/index.ts';
import { GrpcStatus } from '../../rpc/grpc.ts';
import { type FailureCause, failureCauses } from '../core/counters.ts';
import { FAILURES, failureCause, reasonOf } from './failure.ts';

const { Internal, Unavailable, Unimplemented } = GrpcStatus;

/** For each cause: whose fault, HTTP and gRPC status, health, repetitions, log, before and within an answer. */
const TABLE: ReadonlyArray<
  readonly [FailureCause, string, number, GrpcStatus, boolean, string, boolean, string, string]
> = [
  ['not_switched', 'client', 501, Unimplemented, false, 'never', false, 'reply', 'reset'],
  ['declined', 'client', 502, Unavailable, false, 'idempotent', false, 'reset', 'reset'],
  ['unreachable', 'connection', 503, Unavailable, false, 'always', false, 'reply', 'reply'],
  ['lost', 'connection', 503, Unavailable, true, 'idempotent', false, 'reply', 'reply'],
  ['refused', 'shard', 503, Unavailable, true, 'always', false, 'reply', 'reply'],
  ['gave_up', 'shard', 502, Unavailable, true, 'idempotent', false, 'reset', 'reset'],
  ['stalled', 'shard', 503, Unavailable, false, 'never', false, 'reply', 'reset'],
  ['violation', 'shard', 502, Internal, true, 'never', true, 'reply', 'reset'],
  ['unhealthy', 'router', 503, Unavailable, false, 'never', false, 'reply', 'reply'],
  ['overloaded', 'router', 503, Unavailable, false, 'never', false, 'reply', 'reply'],
];

describe('what follows from a cause', () => {
  it.each(TABLE)('%s', (cause, fault, http, grpc, isSickness, repeats, isLogged, before, midway) => {
    const row = FAILURES[cause];
    const { httpStatus, grpcStatus, message } = row.reply('s0', 'why');
    expect([row.fault, httpStatus, grpcStatus]).toEqual([fault, http, grpc]);
    expect([row.isSickness, row.repeats, row.isLogged]).toEqual([isSickness, repeats, isLogged]);
    expect([row.before, row.midway]).toEqual([before, midway]);
    expect(message).toContain('s0');
  });

  it('is said of all of them, and nothing that a client can bring about is held against the shard', () => {
    expect(TABLE.map(([cause]) => cause)).toEqual([...failureCauses]);
    for (const { fault, isSickness, isLogged } of Object.values(FAILURES))
      if (fault === 'client' || fault === 'router') expect([isSickness, isLogged]).toEqual([false, false]);
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

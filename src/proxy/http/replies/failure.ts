import { ErrorCode, isUnprocessed, ResetCause, type StreamConnection } from '../../../http/index.ts';
import type { FailureCause } from '../../core/failure.ts';

/** What ends a request that has failed. A reset becomes a reply where the client's protocol has no reset. */
export interface FailureEnding {
  /** Where the client has no answer yet. */
  readonly before: 'reply' | 'reset';
  /** Where its answer has begun. */
  readonly midway: 'reply' | 'reset';
}

/** How the failure of a request ends it, as its client sees it; see `replyTo` for the replies. */
export const ENDINGS: Readonly<Record<FailureCause, FailureEnding>> = {
  /** The client wants a WebSocket, and the shard answers as if it were asked for a page (RFC 9110, 7.8). */
  not_switched: { before: 'reply', midway: 'reset' },
  declined: { before: 'reset', midway: 'reset' },
  unreachable: { before: 'reply', midway: 'reply' },
  lost: { before: 'reply', midway: 'reply' },
  refused: { before: 'reply', midway: 'reply' },
  gave_up: { before: 'reset', midway: 'reset' },
  stalled: { before: 'reply', midway: 'reset' },
  violation: { before: 'reply', midway: 'reset' },
  unhealthy: { before: 'reply', midway: 'reply' },
  overloaded: { before: 'reply', midway: 'reply' },
};

/** Codes by which a shard says that it is in trouble itself (RFC 9113, 7); the others are about a request or its client. */
const OWN_TROUBLE: ReadonlySet<number> = new Set([ErrorCode.InternalError, ErrorCode.ConnectError]);

/**
 * Why a stream to a shard ended before its time.
 * @param code of a reset by the shard
 */
export function failureCause(connection: StreamConnection, code: number, cause: ResetCause): FailureCause {
  if (isUnprocessed(code, cause)) return 'refused';
  switch (cause) {
    case ResetCause.Violation:
      return 'violation';
    case ResetCause.TooSlow:
      return 'stalled';
    case ResetCause.ConnectionLost:
      return connection.connected ? 'lost' : 'unreachable';
    default:
      return OWN_TROUBLE.has(code) ? 'gave_up' : 'declined';
  }
}

/** What can be said of a connection that ended: one that never came up did not lose anything. */
export function reasonOf({ ready, endedBecause }: StreamConnection, cause: FailureCause): string {
  return cause === 'lost' && ready ? `the connection was lost (${endedBecause})` : endedBecause;
}

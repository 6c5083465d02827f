import { ErrorCode, isUnprocessed, ResetCause, type StreamConnection } from '../../http/index.ts';
import type { FailureCause } from '../core/counters.ts';
import { type LocalReply, localReply } from './local-reply.ts';

/** What follows from a cause, and from nothing else. */
export interface Failure {
  /**
   * Whose it is: what a client can bring about by asking is never held against the shard, and what the router keeps to
   * itself against neither.
   */
  readonly fault: 'client' | 'shard' | 'connection' | 'router';
  /** It counts against the shard's health: enough of them eject it for everybody. */
  readonly isSickness: boolean;
  /** When the request may be sent again: where the shard has certainly not begun with it; where its route calls it idempotent; or never. */
  readonly repeats: 'always' | 'idempotent' | 'never';
  /** Whether operators are told that the shard misbehaves. */
  readonly isLogged: boolean;
  /** What a client gets that has no answer yet; a reset becomes a reply where the client's protocol has no reset. */
  readonly before: 'reply' | 'reset';
  /** What ends an answer that has begun. */
  readonly midway: 'reply' | 'reset';
  readonly reply: (shard: string, reason: string) => LocalReply;
}

/** One row for each cause: answers, counters, health, repetitions and the log follow from here. */
export const FAILURES: Readonly<Record<FailureCause, Failure>> = {
  /** The client wants a WebSocket, and the shard answers as if it were asked for a page (RFC 9110, 7.8). */
  not_switched: {
    fault: 'client',
    isSickness: false,
    repeats: 'never',
    isLogged: false,
    before: 'reply',
    midway: 'reset',
    reply: (shard) => localReply.notSwitched(shard),
  },
  /** The shard ends the stream with a code that speaks of the request rather than of the shard. */
  declined: {
    fault: 'client',
    isSickness: false,
    repeats: 'idempotent',
    isLogged: false,
    before: 'reset',
    midway: 'reset',
    reply: (shard) => localReply.ownerReset(shard),
  },
  /** A connection could not be made. `keyway_shard_connect_failures_total` counts it once for all who waited for it. */
  unreachable: {
    fault: 'connection',
    isSickness: false,
    repeats: 'always',
    isLogged: false,
    before: 'reply',
    midway: 'reply',
    reply: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  },
  /** The connection was lost with the request on it: the shard may have processed it. */
  lost: {
    fault: 'connection',
    isSickness: true,
    repeats: 'idempotent',
    isLogged: false,
    before: 'reply',
    midway: 'reply',
    reply: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  },
  /** The shard has not processed the request, as it says itself (RFC 9113, 8.7). */
  refused: {
    fault: 'shard',
    isSickness: true,
    repeats: 'always',
    isLogged: false,
    before: 'reply',
    midway: 'reply',
    reply: (shard) => localReply.ownerUnavailable(shard, 'it refuses the request'),
  },
  /** The shard ends the stream because of an error of its own. */
  gave_up: {
    fault: 'shard',
    isSickness: true,
    repeats: 'idempotent',
    isLogged: false,
    before: 'reset',
    midway: 'reset',
    reply: (shard) => localReply.ownerReset(shard),
  },
  /** The shard does not take the request's content. How much of that there is, and whether anybody wants it, its clients decide. */
  stalled: {
    fault: 'shard',
    isSickness: false,
    repeats: 'never',
    isLogged: false,
    before: 'reply',
    midway: 'reset',
    reply: (shard) => localReply.ownerUnavailable(shard, 'it does not take the content'),
  },
  /** What came is no answer of the shard's protocol; it would be none the next time. */
  violation: {
    fault: 'shard',
    isSickness: true,
    repeats: 'never',
    isLogged: true,
    before: 'reply',
    midway: 'reset',
    reply: (shard, reason) => localReply.upstreamFault(shard, reason),
  },
  /** The shard is ejected, or fails its health checks: it is not asked. */
  unhealthy: {
    fault: 'router',
    isSickness: false,
    repeats: 'never',
    isLogged: false,
    before: 'reply',
    midway: 'reply',
    reply: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  },
  /** As much waits for the shard as may. */
  overloaded: {
    fault: 'router',
    isSickness: false,
    repeats: 'never',
    isLogged: false,
    before: 'reply',
    midway: 'reply',
    reply: (shard) => localReply.overloaded(shard),
  },
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

/** What there is to say of a connection that ended: one that never came up did not lose anything. */
export function reasonOf({ ready, endedBecause }: StreamConnection, cause: FailureCause): string {
  return cause === 'lost' && ready ? `the connection was lost (${endedBecause})` : endedBecause;
}

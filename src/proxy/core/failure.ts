/** Why a request has no answer, or no complete one, of its shard. */
export const failureCauses = [
  'not_switched',
  'declined',
  'unreachable',
  'lost',
  'refused',
  'gave_up',
  'stalled',
  'violation',
  'unhealthy',
  'overloaded',
] as const;
export type FailureCause = (typeof failureCauses)[number];

/**
 * What follows from a cause for the shard, and for sending the request again. The family decides what its client gets.
 */
export interface Failure {
  /**
   * Whose fault it is: what a client can bring about by asking is never held against the shard, and what the router
   * keeps to itself against neither.
   */
  readonly fault: 'client' | 'shard' | 'connection' | 'router';
  /** It counts against the shard's health: enough of them eject it for all clients. */
  readonly countsAgainstHealth: boolean;
  /** When the request may be sent again: where the shard has certainly not begun with it; where its route calls it idempotent; or never. */
  readonly repeats: 'always' | 'idempotent' | 'never';
  /** Whether the log tells operators that the shard misbehaves. */
  readonly isLogged: boolean;
}

/** One row for each cause: counters, health, repetitions and the log follow from here. */
export const FAILURES: Readonly<Record<FailureCause, Failure>> = {
  /** The client wants another protocol on its connection, and the shard answers in the one that it was asked in. */
  not_switched: { fault: 'client', countsAgainstHealth: false, repeats: 'never', isLogged: false },
  /** The shard ends the exchange in a way that speaks of the request rather than of the shard. */
  declined: { fault: 'client', countsAgainstHealth: false, repeats: 'idempotent', isLogged: false },
  /** A connection could not be made. `keyway_shard_connect_failures_total` counts it once for all waiting requests. */
  unreachable: { fault: 'connection', countsAgainstHealth: false, repeats: 'always', isLogged: false },
  /** The connection was lost with the request on it: the shard may have processed it. */
  lost: { fault: 'connection', countsAgainstHealth: true, repeats: 'idempotent', isLogged: false },
  /** The shard has not processed the request, as it says itself. */
  refused: { fault: 'shard', countsAgainstHealth: true, repeats: 'always', isLogged: false },
  /** The shard ends the exchange because of an error of its own. */
  gave_up: { fault: 'shard', countsAgainstHealth: true, repeats: 'idempotent', isLogged: false },
  /**
   * The shard does not take the request's content. How much there is, and whether it is still wanted, its clients
   * decide.
   */
  stalled: { fault: 'shard', countsAgainstHealth: false, repeats: 'never', isLogged: false },
  /** What came is no answer of the shard's protocol; it would be none the next time. */
  violation: { fault: 'shard', countsAgainstHealth: true, repeats: 'never', isLogged: true },
  /** The shard is ejected, or fails its health checks: it is not asked. */
  unhealthy: { fault: 'router', countsAgainstHealth: false, repeats: 'never', isLogged: false },
  /** As much waits for the shard as may. */
  overloaded: { fault: 'router', countsAgainstHealth: false, repeats: 'never', isLogged: false },
};

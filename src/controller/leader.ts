import type { Term } from '../registry/index.ts';
import type { Topology } from '../topology/index.ts';
import type { ClusterEvent } from './event.ts';

/** What is reported to people of a cluster. */
export interface ClusterLog {
  /** The registry has a new version, made by this controller. */
  onCommitted(topology: Topology, reason: string): void;
  /** A node was told something. */
  onTold(message: string): void;
  /** Something is wrong that people may have to see to; the same again and again, for as long as it is. */
  onFault(message: string): void;
  /** Something has happened that programs may want to know. It is not waited for. */
  onEvent(event: ClusterEvent): void;
}

/** The process that leads. */
export interface Leader {
  /** The name that people see. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly timeOfDayMs: () => number;
}

/** What a migration needs of the term of its controller. */
export type MovingTerm = Pick<Term, 'isLeading' | 'election' | 'token'>;

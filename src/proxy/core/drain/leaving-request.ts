/** How a stream leaves its owner. */
export type MoveWay = 'goaway' | 'end' | 'replay';

/** A request that has to leave its owner, as the drainer sees it. */
export interface LeavingRequest {
  readonly isOpen: boolean;
  /** It was told to leave, and has a message under way. */
  readonly isLeaving: boolean;
  /** How it leaves: as its route has it, where that can be done. */
  readonly wayToLeave: MoveWay;
  /** How long it has been open. */
  ageMs(nowMs: number): number;
  /** Has its client make another connection. */
  shutDownConnection(reason: string): void;
  /**
   * Ends in its client's protocol, or is opened again at its new owner, as soon as it is between two messages.
   * @param lostBy for a client that is a router: the version by which its key is another shard's; 0: it is not told
   */
  leave(how: MoveWay, reason: string, retryAfterMs: number, lostBy?: number): void;
  /** It was told to leave, and a message has not come to its end: it is reset. */
  giveUp(): void;
}

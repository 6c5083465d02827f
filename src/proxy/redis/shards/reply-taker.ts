/** Whoever takes the replies of a connection, in the order in which they were asked for. */
export interface ReplyTaker {
  /** A whole reply. */
  onReply(bytes: Uint8Array, start: number, end: number, type: number): void;
  /** A part of a large one. */
  onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void;
  /** The connection is no more. */
  onLost(reason: string): void;
}

/** Takes replies that nobody wants. */
export const NOBODY: ReplyTaker = { onReply: () => {}, onReplyPart: () => {}, onLost: () => {} };

/** Whoever listens to a connection: it gets all that comes, and nothing is asked on it any more. */
export interface Listener {
  onMessage(bytes: Uint8Array, start: number, end: number): void;
  onLost(): void;
}

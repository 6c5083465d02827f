/** How far a request has come, in this order. */
export const Phase = {
  /** Its answer has not begun. */
  Asking: 0,
  /** Its call was made again, and that answer has not begun: the client already has its headers. */
  Replaying: 1,
  Answering: 2,
  /** Its answer is complete, or was given up: nothing more goes to the client. */
  Over: 3,
  /** The same, and the client's stream will be reset once its queued output has gone. */
  ResetsOnceSent: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

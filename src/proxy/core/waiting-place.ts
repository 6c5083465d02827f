/**
 * Where a request waits that cannot be sent now: for its key to be handed over, for its owner to come back, for a connection,
 * for its next repetition. It waits in one place at a time: its `waitIn` takes it out of the one before. When its wait is
 * over the place calls its `proceed`, which asks again whether it may go out, and to which owner.
 */
export interface WaitingPlace<in Request> {
  /** The request does not wait here any more. Nothing happens where it did not. */
  forget(request: Request): void;
}

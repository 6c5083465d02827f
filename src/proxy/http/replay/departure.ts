import type { LocalReply } from '../replies/local-reply.ts';
import type { WatchReplay } from './watch-replay.ts';

/** How a stream leaves an owner that has lost its key. Made only for streams that leave, and for watches that may be opened again. */
export class Departure {
  /** What the call is made again from, if its client should not notice that the key moves. */
  readonly replay: WatchReplay | null;
  /** What the answer has to end with at the next boundary between two messages; null: it was not told to leave. */
  leavesWith: LocalReply | 'replay' | null = null;

  constructor(replay: WatchReplay | null) {
    this.replay = replay;
  }
}

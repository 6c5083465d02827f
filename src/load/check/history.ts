/** A call that a shard has served, as its client saw it; ms of the run's clock. */
export interface Operation {
  /** The place of its key among all keys. */
  readonly place: number;
  readonly shard: string;
  readonly beginMs: number;
  readonly endMs: number;
  /** Null: it has none. */
  readonly revision: number | null;
  /** Its revision is a new one. */
  readonly writes: boolean;
}

/** One stream of a watch. */
export interface WatchStream {
  /** The client, which has one stream after the other. */
  readonly client: number;
  readonly place: number;
  readonly shard: string;
  readonly openedMs: number;
  /** `STILL_OPEN` until it ends, or the run does. */
  endedMs: number;
  /** It went on behind the stream before: its first message is no snapshot. */
  readonly isResumed: boolean;
  /** As they came. */
  readonly revisions: number[];
}

/** What clients saw. */
export interface History {
  readonly operations: readonly Operation[];
  readonly streams: readonly WatchStream[];
  /** Operations for which there was no room. */
  readonly dropped: number;
}

export const STILL_OPEN = Number.POSITIVE_INFINITY;

/** Each takes about a hundred bytes. */
export const MAX_OPERATIONS = 5_000_000;

/** Writes down what clients see, to be judged when the run is over. */
export class Historian implements History {
  readonly operations: Operation[] = [];
  readonly streams: WatchStream[] = [];
  dropped = 0;

  operation(operation: Operation): void {
    if (this.operations.length < MAX_OPERATIONS) this.operations.push(operation);
    else this.dropped++;
  }

  stream(stream: WatchStream): void {
    this.streams.push(stream);
  }

  /** The run is over: what is open ends with it. */
  end(nowMs: number): void {
    for (const stream of this.streams) if (stream.endedMs === STILL_OPEN) stream.endedMs = nowMs;
  }
}

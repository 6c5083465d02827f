/** What a chaos run has seen, in the machine's milliseconds. Plain data: written to a file, a run can be judged again. */
export interface History {
  readonly operations: readonly ShardOperation[];
  readonly calls: readonly Call[];
  readonly watches: readonly Watch[];
  /** Planned changes of the topology. */
  readonly changes: readonly Change[];
  readonly disturbances: readonly Disturbance[];
  /** Processes that were not running: no operation of theirs happened in between. */
  readonly stops: readonly Stop[];
  /** What the store holds in the end: every change of every document. */
  readonly stored: readonly StoredChange[];
}

/** One operation as the shard wrote it down. */
export interface ShardOperation {
  readonly shard: string;
  readonly pid: number;
  readonly operation: 'get' | 'put' | 'delete' | 'watch';
  readonly key: string;
  readonly begin: number;
  /** Where nothing was written down: when the process ended. */
  readonly end: number;
  /** Refused operations had no effect. */
  readonly served: boolean;
}

/** One call as its client saw it. */
export interface Call {
  readonly client: number;
  readonly operation: 'get' | 'put';
  readonly key: string;
  /** Of a put. */
  readonly value: string;
  readonly begin: number;
  readonly end: number;
  /** Null where it succeeded. */
  readonly error: string | null;
  /** Of the document; 0: there was none. */
  readonly revision: number;
}

/** Somebody who watches a document, through all the streams that it took. */
export interface Watch {
  readonly client: number;
  readonly key: string;
  /** The revision that it began with; 0: there was no document. */
  readonly first: number;
  /** Revisions in the order in which they came. */
  readonly seen: readonly number[];
  readonly streams: ReadonlyArray<{ readonly begin: number; readonly end: number; readonly reason: string }>;
}

export interface Change {
  readonly what: string;
  readonly begin: number;
  readonly end: number;
  /** Whether it came about; else all stayed as it was. */
  readonly done: boolean;
  /** Keys whose owner it changed. */
  readonly moved: readonly string[];
}

/** Something that may fail calls and end watches, until all is as before. */
export interface Disturbance {
  readonly what: string;
  readonly begin: number;
  readonly end: number;
}

export interface Stop {
  readonly pid: number;
  readonly begin: number;
  readonly end: number;
}

export interface StoredChange {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
  /** By which the shard wrote it. */
  readonly version: number;
}

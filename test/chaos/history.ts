/** What a chaos run has seen, in the machine's milliseconds. Plain data: written to a file, a run can be judged again. */
export interface History {
  /** The seed and the command that make the same run again. */
  readonly replay: string;
  readonly operations: readonly ShardOperation[];
  readonly calls: readonly Call[];
  readonly watches: readonly Watch[];
  /** Every version that was current, in the order in which they were. */
  readonly versions: readonly Version[];
  /** Planned changes of the topology. */
  readonly changes: readonly Change[];
  readonly disturbances: readonly Disturbance[];
  /** Processes that were not running: no operation of theirs happened in between. */
  readonly stops: readonly Stop[];
  /** When no byte came through between a plain shard and those that send it requests. */
  readonly cuts: readonly Cut[];
  /** Shards that know nothing of Keyway: they refuse nobody. */
  readonly plain: readonly string[];
  /** What the store holds in the end: every change of every document. */
  readonly stored: readonly StoredChange[];
}

/** One operation as the shard wrote it down. */
export interface ShardOperation {
  readonly shard: string;
  /** Of several processes of one shard each is judged by itself. */
  readonly pid: number;
  readonly operation: 'get' | 'put' | 'delete' | 'watch';
  readonly key: string;
  readonly begin: number;
  /** Where nothing was written down: when the process ended. */
  readonly end: number;
  /** Refused operations had no effect. */
  readonly served: boolean;
  /** The version that the shard went by, or that its router said; 0: it knows of none. */
  readonly version: number;
  /** Of what was read or written; 0: nothing was, or nobody wrote it down. */
  readonly revision: number;
  /** The client's call that it was made for; null where the shard does not know. */
  readonly call: string | null;
  /** Nobody was there any more to take the answer. */
  readonly abandoned: boolean;
}

/** One call as its client saw it. */
export interface Call {
  /** Unique within a run; a put's value begins with it. */
  readonly id: string;
  readonly client: number;
  readonly router: number;
  readonly operation: 'get' | 'put';
  readonly key: string;
  /** What was put, or read; of a read that found nothing, or failed, empty. */
  readonly value: string;
  readonly begin: number;
  readonly end: number;
  /** Null where it succeeded. */
  readonly error: string | null;
  /** Of the document; 0: there was none. */
  readonly revision: number;
  /** Its route may send it again although it may have been carried out. */
  readonly repeats: boolean;
}

/** A change of a document that a watcher was told of. */
export interface SeenChange {
  readonly revision: number;
  readonly value: string;
}

/** One stream of a watcher. */
export interface WatchStream {
  readonly router: number;
  readonly begin: number;
  readonly end: number;
  /** `done` where the watcher itself ended it. */
  readonly reason: string;
}

/** Somebody who watches a document, through all the streams that it took. */
export interface Watch {
  readonly client: number;
  readonly key: string;
  /** The revision that it began with; 0: there was no document. */
  readonly first: number;
  /** In the order in which they came. */
  readonly seen: readonly SeenChange[];
  readonly streams: readonly WatchStream[];
}

/** A version of the topology, and who owned what by it. */
export interface Version {
  readonly version: number;
  readonly owners: Readonly<Record<string, string>>;
  /** The address of each key's owner: streams end too where a shard goes to another one. */
  readonly addresses: Readonly<Record<string, string>>;
  /** It was not current before. */
  readonly since: number;
  /** It was current by then at the latest. */
  readonly seen: number;
}

export interface Change {
  readonly what: string;
  readonly begin: number;
  readonly end: number;
  /** Whether it came about; else all stayed as it was. */
  readonly done: boolean;
  /** Keys whose owner, or its address, it changed. */
  readonly moved: readonly string[];
}

/** Something that may fail calls and end watches, until all is as before. */
export interface Disturbance {
  readonly what: string;
  readonly begin: number;
  readonly end: number;
  /** Whose clients may notice, and whose keys; every router's, or every shard's, where it is null. */
  readonly routers: readonly number[] | null;
  readonly shards: readonly string[] | null;
}

export interface Stop {
  readonly pid: number;
  readonly begin: number;
  readonly end: number;
}

export interface Cut {
  readonly shard: string;
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

/** A shard as a source has found it. What it does not know stays as the topology has it. */
export interface FoundShard {
  readonly id: string;
  readonly address: string;
  readonly weight?: number | undefined;
  readonly nodeId?: string | undefined;
  /** Ranges such as `0-5460 5500`, for the slots placement. */
  readonly slots?: string | undefined;
  readonly replicas?: ReadonlyArray<{ readonly id: string; readonly address: string }> | undefined;
}

/** A source of shards: it yields all of them, at first and after every change, until it is aborted. */
export type ShardSource = (
  signal: AbortSignal,
  onFault: (message: string) => void,
) => AsyncIterable<readonly FoundShard[]>;

/** The order in which a source has them means nothing: shards have one order, numbers in theirs. */
export function byId(a: FoundShard, b: FoundShard): number {
  return a.id.localeCompare(b.id, 'en', { numeric: true });
}

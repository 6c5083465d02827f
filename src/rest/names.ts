/** What a path names. All of them are checked; those that a path does not have are empty. */
export interface Names {
  readonly namespace: string;
  readonly cluster: string;
  /** The number of a shard, from 0. */
  readonly shard: number;
  /** The id of a node. */
  readonly node: string;
}

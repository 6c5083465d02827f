import type { Difference } from './fields.ts';

/** What became of a foreign configuration. */
export interface ForeignImport {
  /** A config of ours; null where there was nothing to make one of. */
  readonly config: object | null;
  /** What could not be carried over, field by field. */
  readonly differences: readonly Difference[];
  /** Names for which shards were given, and which no cluster has. */
  readonly unknownShards: readonly string[];
}

import type { Key } from '../owner/key.ts';
import type { Upstream } from '../owner/upstream.ts';

/** The shards of a cluster at one version, as far as a request asks for its own. */
export interface Owners {
  /** Of the cluster. */
  readonly name: string;
  /** What its shards speak. */
  readonly protocol: string;
  /** Of two with the same table the same. */
  readonly build: number;
  /** Null where there is no table, or it has no version. */
  readonly version: number | null;
  /** The owner of a key; null where no shard owns it. */
  find(key: Key): Upstream | null;
  /** Whether this is the owner of a key. Reaches no shard. */
  isOwner(upstream: Upstream, key: Key): boolean;
  /** Whether a shard is one of these, at the address that it had. Reaches no shard. */
  has(upstream: Upstream): boolean;
}

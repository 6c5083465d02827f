import { keyBytes } from '../placement/index.ts';
import type { Cluster } from './cluster.ts';

/** Who owns a key, and by what. */
export interface Explanation {
  readonly key: string;
  readonly hash: string;
  readonly shard: string;
  readonly address: string;
}

export function explainKey(cluster: Cluster, key: string): Explanation {
  const bytes = keyBytes(key);
  const shard = cluster.shards[cluster.locate(bytes, 0, bytes.length)];
  if (shard === undefined) throw new Error(`no shard owns ${key}`);
  return { key, hash: cluster.hash(bytes).toString(), shard: shard.id, address: shard.address };
}

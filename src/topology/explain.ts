import { keyBytes } from '../placement/index.ts';
import type { ClusterTable } from './cluster-table.ts';

/** The owner of a key, and what decides it. */
export interface Explanation {
  readonly key: string;
  readonly hash: string;
  readonly shard: string;
  readonly address: string;
}

/** @throws Error where no shard owns it */
export function explainKey(cluster: ClusterTable, key: string): Explanation {
  const bytes = keyBytes(key);
  const owner = cluster.locate(bytes, 0, bytes.length);
  if (owner < 0) throw new Error(`no shard owns ${key}`);
  const shard = cluster.shardAt(owner);
  return { key, hash: cluster.hash(bytes).toString(), shard: shard.id, address: shard.address };
}

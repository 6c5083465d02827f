import { createHash } from 'node:crypto';
import { keyBytes } from '../placement/index.ts';
import type { ClusterTable } from './cluster-table.ts';

/** Keys that are looked up before others have their turn: about a millisecond. */
const KEYS_A_TURN = 5000;

/**
 * A hash over who owns each of so many keys, `fingerprint/0` and so on: two tables with the same one place keys alike. The
 * caller's thread has turns of its own in between.
 */
export async function fingerprint(table: ClusterTable, keys: number): Promise<string> {
  const owners = new Int32Array(keys);
  for (let i = 0; i < keys; i++) {
    const key = keyBytes(`fingerprint/${i}`);
    owners[i] = table.locate(key, 0, key.length);
    if (i % KEYS_A_TURN === KEYS_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const ids = table.shards().map(({ id }) => id);
  return createHash('sha256').update(JSON.stringify(ids)).update(owners).digest('hex');
}

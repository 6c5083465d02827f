import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { keyBytes } from '../placement/index.ts';
import type { ClusterTable } from './cluster-table.ts';

/** Keys that are looked up before others have their turn: about a millisecond. */
const KEYS_A_TURN = 5000;
/** The others' turn is no shorter: a routing thread is its requests' for half of the time at least. */
const PAUSE_MS = 1;

/**
 * A hash over the owners of so many keys, `fingerprint/0` and so on: two tables with the same one place keys alike. The
 * caller's thread goes on with its own work in between.
 */
export async function fingerprint(table: ClusterTable, keys: number): Promise<string> {
  const ids = table.shards().map(({ id }) => id);
  const hash = createHash('sha256').update(JSON.stringify(ids));
  const owners = new Int32Array(KEYS_A_TURN);
  for (let at = 0; at < keys; at += KEYS_A_TURN) {
    if (at > 0) await pause(PAUSE_MS);
    const count = Math.min(KEYS_A_TURN, keys - at);
    for (let i = 0; i < count; i++) {
      const key = keyBytes(`fingerprint/${at + i}`);
      owners[i] = table.locate(key, 0, key.length);
    }
    hash.update(owners.subarray(0, count));
  }
  return hash.digest('hex');
}

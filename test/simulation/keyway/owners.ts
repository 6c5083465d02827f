import type { Owners } from '../../../src/proxy/core/gate/owners.ts';
import { ClusterTable, type ShardPlace, type SharedCluster } from '../../../src/topology/index.ts';

const bytes = new Map<string, Buffer>();

/** Of a few keys, which are looked for again and again. */
export function placeOf(table: ClusterTable, key: string): ShardPlace | null {
  let encoded = bytes.get(key);
  if (encoded === undefined) {
    encoded = Buffer.from(key, 'utf8');
    bytes.set(key, encoded);
  }
  const index = table.locate(encoded, 0, encoded.length);
  return index < 0 ? null : table.shardAt(index);
}

/** Who owns what by a table, for the gate of a simulated router. */
export class SimulatedOwners implements Owners {
  readonly name: string;
  readonly build: number;
  readonly version: number | null;
  readonly protocol = 'simulated';
  readonly #table: ClusterTable | null;

  constructor(name: string, shared: SharedCluster | null) {
    this.name = name;
    this.build = shared?.build ?? 0;
    this.version = shared?.version ?? null;
    this.#table = shared === null ? null : new ClusterTable(shared);
  }

  ownerOf(key: string): ShardPlace | null {
    return this.#table === null ? null : placeOf(this.#table, key);
  }

  /** Requests of the simulation ask for a place, and have no upstream. */
  find(): null {
    return null;
  }

  isOwner(): boolean {
    return false;
  }

  has(): boolean {
    return false;
  }
}

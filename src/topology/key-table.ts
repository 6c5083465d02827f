import { type Hash64, type Partition, type Placement, type SharedTables, toBigInt } from '../placement/index.ts';
import { PinTable, type ResolvedPin } from './pins.ts';
import { position } from './position.ts';

/** Where the keys are that have not moved yet, while keys move in waves. */
export interface RestTable {
  /** The position from which on they are. */
  readonly cursor: number;
  /** In the order of positions; the last one ends at 1. */
  readonly pieces: ReadonlyArray<{
    readonly until: number;
    readonly table: KeyTable;
    /** The place in the cluster's list of each shard of the table's own list. */
    readonly places: Int32Array;
  }>;
}

/**
 * Which shard owns which key: by the pins first, then by the placement. Owners are places in the cluster's list of
 * shards.
 */
export class KeyTable {
  readonly #placement: Placement;
  /** Null where nothing is pinned, so that most look-ups are spared the asking. */
  readonly #pins: PinTable | null;
  /** Null where no keys move, so that most look-ups need no position. */
  readonly #rest: RestTable | null;

  constructor(placement: Placement, pins: readonly ResolvedPin[], rest: RestTable | null = null) {
    this.#placement = placement;
    this.#rest = rest;
    this.#pins = pins.length === 0 ? null : new PinTable(pins);
  }

  /** The owner of key[start, end); -1 where no shard owns it. Allocates nothing where nothing is pinned. */
  locate(key: Uint8Array, start: number, end: number): number {
    if (this.#rest !== null) {
      const at = position(key, start, end);
      if (at >= this.#rest.cursor) return locateIn(this.#rest, at, key, start, end);
    }
    const pinned = this.#pins === null ? -1 : this.#pins.find(key, start, end);
    return pinned >= 0 ? pinned : this.#placement.locate(key, start, end);
  }

  /** The hash by which the placement decides, for people. */
  hash(key: Uint8Array): bigint {
    const hash: Hash64 = { hi: 0, lo: 0 };
    this.#placement.hash(key, 0, key.length, hash);
    return toBigInt(hash);
  }

  /** What another thread opens the placement from. */
  get tables(): SharedTables {
    return this.#placement.tables;
  }

  /** The whole table, pins apart, and what has not moved yet. */
  partition(): Partition {
    return this.#placement.partition();
  }

  /** Where key[start, end) stands in the space that `partition` divides. Allocates nothing. */
  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.#placement.point(key, start, end, into);
  }
}

function locateIn({ pieces }: RestTable, at: number, key: Uint8Array, start: number, end: number): number {
  for (const { until, table, places } of pieces) {
    if (at >= until) continue;
    const owner = table.locate(key, start, end);
    return owner < 0 ? -1 : (places[owner] as number);
  }
  return -1;
}

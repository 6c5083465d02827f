import { type Hash64, type Partition, type Placement, type SharedTables, toBigInt } from '../placement/index.ts';
import { PinTable, type ResolvedPin } from './pins.ts';

/**
 * Which shard owns which key: by the pins first, then by the placement. Owners are places in the cluster's list of
 * shards.
 */
export class KeyTable {
  readonly #placement: Placement;
  /** Null where nothing is pinned, so that most look-ups are spared the asking. */
  readonly #pins: PinTable | null;

  constructor(placement: Placement, pins: readonly ResolvedPin[]) {
    this.#placement = placement;
    this.#pins = pins.length === 0 ? null : new PinTable(pins);
  }

  /** The owner of key[start, end); -1 where no shard owns it. Allocates nothing where nothing is pinned. */
  locate(key: Uint8Array, start: number, end: number): number {
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

  /** The whole table, pins apart. */
  partition(): Partition {
    return this.#placement.partition();
  }

  /** Where key[start, end) stands in the space that `partition` divides. Allocates nothing. */
  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.#placement.point(key, start, end, into);
  }
}

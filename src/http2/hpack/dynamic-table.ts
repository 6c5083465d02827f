import type { Field } from '../../http/index.ts';

const INITIAL_CAPACITY = 16;

/** The dynamic table of RFC 7541, 2.3.2: first in, first out, bounded by the size of its entries. */
export class DynamicTable {
  #entries: Array<Field | null> = new Array(INITIAL_CAPACITY).fill(null);
  #newest = 0;
  count = 0;
  size = 0;
  maximumSize: number;

  constructor(maximumSize: number) {
    this.maximumSize = maximumSize;
  }

  /** Entry 0 is the newest. The caller has checked that `index` is below `count`. */
  at(index: number): Field {
    const entries = this.#entries;
    return entries[(this.#newest - index) & (entries.length - 1)] as Field;
  }

  /** The places of the ring that the entries stand in; a power of two. */
  get capacity(): number {
    return this.#entries.length;
  }

  /** The place of the newest entry. */
  get newest(): number {
    return this.#newest;
  }

  /** The index of `field` where it stands at `place` of the ring, whatever the ring's size; else -1. */
  indexAt(place: number, field: Field): number {
    const entries = this.#entries;
    const mask = entries.length - 1;
    return entries[place & mask] === field ? (this.#newest - place) & mask : -1;
  }

  /** Adds `field`, after evicting what has to go for it; one larger than the table empties the table (RFC 7541, 4.4). */
  add(field: Field): boolean {
    const size = field.size;
    this.#evictTo(this.maximumSize - size);
    if (size > this.maximumSize) return false;
    if (this.count === this.#entries.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#entries.length - 1);
    this.#entries[this.#newest] = field;
    this.count++;
    this.size += size;
    return true;
  }

  resize(maximumSize: number): void {
    this.maximumSize = maximumSize;
    this.#evictTo(maximumSize);
  }

  #evictTo(limit: number): void {
    while (this.count > 0 && this.size > limit) {
      const oldest = (this.#newest - this.count + 1) & (this.#entries.length - 1);
      this.size -= (this.#entries[oldest] as Field).size;
      this.#entries[oldest] = null;
      this.count--;
    }
  }

  #grow(): void {
    const larger: Array<Field | null> = new Array(this.#entries.length * 2).fill(null);
    for (let i = 0; i < this.count; i++) larger[this.count - 1 - i] = this.at(i);
    this.#newest = this.count - 1;
    this.#entries = larger;
  }
}

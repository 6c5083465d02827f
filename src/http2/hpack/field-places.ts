import { randomBytes } from 'node:crypto';
import type { Field } from '../../http/index.ts';
import type { DynamicTable } from './dynamic-table.ts';

/** Places of a table that has a few entries; most connections need no more. */
const INITIAL_SLOTS = 32;

/**
 * Finds where a field stands in one encoder's table. The notes are the encoder's own: kept on the fields, which all
 * connections of a thread share, they would cost as much for each field as there are connections.
 *
 * It is a hash table of places in the ring of entries. A note whose entry has been evicted refers to another field or
 * to none, and so does no harm until the notes are rebuilt.
 */
export class FieldPlaces {
  readonly #table: DynamicTable;
  /** A place plus one; 0: free. A table of 4,096 bytes has room for 124 entries. */
  #slots = new Uint8Array(INITIAL_SLOTS);
  #used = 0;
  #capacity: number;

  constructor(table: DynamicTable) {
    this.#table = table;
    this.#capacity = table.capacity;
  }

  /** @returns the index of a field among the table's entries, the newest being 0; -1 where it has none */
  find(field: Field): number {
    const index = this.#table.indexAt(field.lastPlace, field);
    return index >= 0 ? index : this.#search(field);
  }

  #search(field: Field): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = field.id & mask; ; at = (at + 1) & mask) {
      const slot = slots[at] as number;
      if (slot === 0) return -1;
      const index = this.#table.indexAt(slot - 1, field);
      if (index < 0) continue;
      field.lastPlace = slot - 1;
      return index;
    }
  }

  /** Takes note of the table's newest entry. */
  noteNewest(): void {
    const { capacity, newest } = this.#table;
    if (capacity !== this.#capacity || this.#used * 2 >= this.#slots.length) this.#noteAll();
    else this.#note(this.#table.at(0), newest);
  }

  #note(field: Field, place: number): void {
    if (field.id === 0) field.id = newId();
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = field.id & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = place + 1;
    field.lastPlace = place;
    this.#used++;
  }

  /** Rebuilds all notes in four times the room, so that this costs only a few steps per insertion. */
  #noteAll(): void {
    const { count, capacity, newest } = this.#table;
    this.#capacity = capacity;
    this.#used = 0;
    let size = INITIAL_SLOTS;
    while (size < 4 * count) size *= 2;
    this.#slots = new Uint8Array(size);
    for (let i = 0; i < count; i++) this.#note(this.#table.at(i), (newest - i) & (capacity - 1));
  }
}

let lastId = randomBytes(4).readInt32LE() | 1;

/** A number for a field, by Marsaglia's xorshift: never 0, and none that a peer could choose so that many meet in one slot. */
function newId(): number {
  lastId ^= lastId << 13;
  lastId ^= lastId >>> 17;
  lastId ^= lastId << 5;
  return lastId;
}

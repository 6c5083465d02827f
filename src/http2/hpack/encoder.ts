import { FIRST_DYNAMIC_INDEX, type Field, type HeaderBlock, INTEGER_BYTES, writeInteger } from '../../http/index.ts';
import { DEFAULT_TABLE_SIZE } from './decoder.ts';
import { DynamicTable } from './dynamic-table.ts';
import { FieldPlaces } from './field-places.ts';

/** Room for the changes of the table's size that may open a block. */
export const SIZE_UPDATE_BYTES = 2 * INTEGER_BYTES;
/** Below this a call of `set` costs more than the loop. */
const SHORT_COPY = 36;

/** Encodes the header blocks of one direction of one connection (RFC 7541). */
export class HpackEncoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_SIZE);
  readonly #places = new FieldPlaces(this.#table);
  // Sizes that the next block has to announce: the smallest on the way, then the last (RFC 7541, 4.2).
  #smallestAnnounced = -1;
  #lastAnnounced = -1;

  /**
   * Takes the peer's SETTINGS_HEADER_TABLE_SIZE. We never use more than the default: what recurs in a message of gRPC or
   * HTTP fits, and a larger table costs memory for each connection.
   */
  setTableSize(size: number): void {
    const used = Math.min(size, DEFAULT_TABLE_SIZE);
    if (used === this.#table.maximumSize && this.#lastAnnounced < 0) return;
    this.#smallestAnnounced = this.#smallestAnnounced < 0 ? used : Math.min(this.#smallestAnnounced, used);
    this.#lastAnnounced = used;
    this.#table.resize(used);
  }

  /** Writes the block's fields to `into` from `at`, where `block.wireBound + SIZE_UPDATE_BYTES` are free; answers the end. */
  encode(block: HeaderBlock, into: Uint8Array, at: number): number {
    let out = at;
    if (this.#lastAnnounced >= 0) out = this.#announceSizes(into, out);
    const fields = block.fields;
    const places = this.#places;
    for (let i = 0; i < block.count; i++) {
      const field = fields[i] as Field;
      if (field.staticIndex > 0) {
        into[out++] = 0x80 | field.staticIndex;
        continue;
      }
      const entry = field.id === 0 ? -1 : places.find(field);
      if (entry >= 0) {
        const index = entry + FIRST_DYNAMIC_INDEX;
        if (index < 0x7f) into[out++] = 0x80 | index;
        else out = writeInteger(index, 7, 0x80, into, out);
        continue;
      }
      out = this.#writeLiteral(field, into, out);
    }
    return out;
  }

  #announceSizes(into: Uint8Array, at: number): number {
    let out = at;
    if (this.#smallestAnnounced < this.#lastAnnounced) out = writeInteger(this.#smallestAnnounced, 5, 0x20, into, out);
    out = writeInteger(this.#lastAnnounced, 5, 0x20, into, out);
    this.#smallestAnnounced = -1;
    this.#lastAnnounced = -1;
    return out;
  }

  #writeLiteral(field: Field, into: Uint8Array, at: number): number {
    let out = at;
    const nameIndex = field.name.staticIndex;
    if (field.neverIndexed) out = writeInteger(nameIndex, 4, 0x10, into, out);
    else if (field.recurring && this.#insert(field)) out = writeInteger(nameIndex, 6, 0x40, into, out);
    else out = writeInteger(nameIndex, 4, 0, into, out);
    const name = field.name.literal;
    if (nameIndex === 0) out = copy(name, 0, name.length, into, out);
    return copy(field.bytes, field.start, field.end, into, out);
  }

  #insert(field: Field): boolean {
    // A field that would empty half the table is not worth what it drives out.
    if (field.size > this.#table.maximumSize >> 1) return false;
    this.#table.add(field);
    this.#places.noteNewest();
    return true;
  }
}

function copy(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): number {
  const length = end - start;
  if (length < SHORT_COPY) for (let i = 0; i < length; i++) into[at + i] = from[start + i] as number;
  else into.set(from.subarray(start, end), at);
  return at + length;
}

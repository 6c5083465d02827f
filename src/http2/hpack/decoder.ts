import {
  FIRST_DYNAMIC_INDEX,
  type Field,
  type FieldCache,
  type HeaderBlock,
  type HeaderName,
  integerEnd,
  readInteger,
  readName,
  staticFields,
} from '../../http/index.ts';
import { DynamicTable } from './dynamic-table.ts';

/** SETTINGS_HEADER_TABLE_SIZE where neither side says otherwise (RFC 9113, 6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096;

/** Decodes the header blocks of one direction of one connection (RFC 7541). */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #cache: FieldCache;
  /** What our SETTINGS allow the peer's encoder. */
  readonly #tableSizeLimit: number;
  readonly #maximumListSize: number;

  constructor(cache: FieldCache, tableSizeLimit: number, maximumListSize: number) {
    this.#cache = cache;
    this.#table = new DynamicTable(tableSizeLimit);
    this.#tableSizeLimit = tableSizeLimit;
    this.#maximumListSize = maximumListSize;
  }

  /**
   * Decodes a complete header block into `into`. A list over the limit is decoded to its end, because the table has to
   * follow, but not kept: see `HeaderBlock.tooLarge`.
   * @returns false for a compression error, after which the connection is of no more use (RFC 7541, 2.2)
   */
  decode(bytes: Uint8Array, start: number, end: number, into: HeaderBlock): boolean {
    into.clear();
    let at = start;
    while (at < end) {
      const first = bytes[at] as number;
      if (first >= 0x80) {
        const index = first < 0xff ? first & 0x7f : readInteger(bytes, at, end, 7);
        if (first === 0xff) at = integerEnd;
        else at++;
        const field = this.#fieldAt(index);
        if (field === null) return false;
        this.#deliver(field, into);
      } else if (first >= 0x20 && first < 0x40) {
        // A change of the table's size may only stand at the beginning of a block (RFC 7541, 4.2).
        const size = readInteger(bytes, at, end, 5);
        if (size < 0 || size > this.#tableSizeLimit || into.count > 0 || into.tooLarge) return false;
        at = integerEnd;
        this.#table.resize(size);
      } else {
        const field = this.#readLiteral(bytes, at, end, first);
        if (field === null) return false;
        at = this.#literalEnd;
        if (first >= 0x40) this.#table.add(field);
        this.#deliver(field, into);
      }
    }
    return true;
  }

  #literalEnd = 0;

  #deliver(field: Field, into: HeaderBlock): void {
    if (into.listSize + field.size > this.#maximumListSize) into.tooLarge = true;
    if (!into.tooLarge) into.push(field);
  }

  #fieldAt(index: number): Field | null {
    if (index < FIRST_DYNAMIC_INDEX) return index > 0 ? (staticFields[index] as Field) : null;
    const entry = index - FIRST_DYNAMIC_INDEX;
    if (entry >= this.#table.count) return null;
    const field = this.#table.at(entry);
    field.recurring = true;
    return field;
  }

  /** Reads a literal representation (RFC 7541, 6.2) from `at` on. */
  #readLiteral(bytes: Uint8Array, at: number, end: number, first: number): Field | null {
    const prefix = first >= 0x40 ? 6 : 4;
    const nameIndex = readInteger(bytes, at, end, prefix);
    if (nameIndex < 0) return null;
    let next = integerEnd;
    let name: HeaderName | null;
    if (nameIndex === 0) {
      if (next >= end) return null;
      const length = readInteger(bytes, next, end, 7);
      if (length < 0 || integerEnd + length > end) return null;
      const literal = next;
      next = integerEnd + length;
      name = readName(bytes, literal, integerEnd, next);
    } else name = this.#fieldName(nameIndex);
    if (name === null || next >= end) return null;
    const length = readInteger(bytes, next, end, 7);
    if (length < 0 || integerEnd + length > end) return null;
    this.#literalEnd = integerEnd + length;
    const neverIndexed = prefix === 4 && (first & 0x10) !== 0;
    return this.#cache.intern(name, bytes, next, integerEnd, this.#literalEnd, neverIndexed);
  }

  #fieldName(index: number): HeaderName | null {
    if (index < FIRST_DYNAMIC_INDEX) return (staticFields[index] as Field).name;
    const entry = index - FIRST_DYNAMIC_INDEX;
    return entry < this.#table.count ? this.#table.at(entry).name : null;
  }
}

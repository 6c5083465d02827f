import { decodedLength, Field, isFieldValue, literalHash } from './field.ts';
import { type HeaderName, sameBytes } from './header-name.ts';
import { INTEGER_BYTES, writeInteger } from './integer.ts';

/** Enough for 10,000 hot keys with few collisions; at some 250 bytes a field, 8 MB if every place is taken. */
const CACHE_SIZE = 32768;
/** A field may stand in this many places from its hash on. */
const WAYS = 4;
/** Literals share arrays of this size. One is kept alive by any of its fields, so that it must not be large. */
const SLAB_BYTES = 1024;
/** Longer values rarely come twice, and would make the cache's memory depend on what peers send. */
const LONGEST_CACHED = 256;

/**
 * The fields seen lately by this thread, found by their coded bytes. It is a cache of bounded size and nothing depends on
 * a field being in it: a peer that sends a million values evicts, and costs speed alone.
 */
export class FieldCache {
  readonly #places: Array<Field | null> = new Array(CACHE_SIZE).fill(null);
  /** The hashes of the fields in those places, side by side: a place that holds another field costs no look at it. */
  readonly #hashes = new Int32Array(CACHE_SIZE);
  #victim = 0;
  #slab: Uint8Array = new Uint8Array(SLAB_BYTES);
  #slabUsed = 0;

  /**
   * The field with this name whose value is the string literal bytes[start, end), its length prefix included.
   * @param valueStart where the prefix ends and the value begins
   * @returns null where the value is no valid string (a compression error)
   */
  intern(
    name: HeaderName,
    bytes: Uint8Array,
    start: number,
    valueStart: number,
    end: number,
    neverIndexed: boolean,
  ): Field | null {
    if (end - start > LONGEST_CACHED || neverIndexed)
      return this.#read(name, bytes, start, valueStart, end, neverIndexed);
    const hash = literalHash(name.length, bytes, start, end);
    const places = this.#places;
    const hashes = this.#hashes;
    let free = -1;
    for (let way = 0; way < WAYS; way++) {
      const place = (hash + way) & (CACHE_SIZE - 1);
      const known = places[place] as Field | null;
      if (known === null) {
        free = place;
        break;
      }
      if (hashes[place] !== hash) continue;
      if (known.name === name && sameBytes(known.bytes, known.start, known.end, bytes, start, end)) return known;
    }
    const made = this.#read(name, bytes, start, valueStart, end, false);
    if (made === null) return null;
    if (free < 0) {
      this.#victim = (this.#victim + 1) & (WAYS - 1);
      free = (hash + this.#victim) & (CACHE_SIZE - 1);
    }
    places[free] = made;
    hashes[free] = hash;
    return made;
  }

  /** The same for a value that stands plain, as HTTP/1.1 has it. */
  internPlain(name: HeaderName, bytes: Uint8Array, start: number, end: number): Field {
    const length = end - start;
    if (length + INTEGER_BYTES > plainLiteral.length) plainLiteral = new Uint8Array(2 * length + INTEGER_BYTES);
    const valueStart = writeInteger(length, 7, 0, plainLiteral, 0);
    for (let i = 0; i < length; i++) plainLiteral[valueStart + i] = bytes[start + i] as number;
    // A string that is not Huffman-coded is always valid.
    return this.intern(name, plainLiteral, 0, valueStart, valueStart + length, false) as Field;
  }

  #read(
    name: HeaderName,
    bytes: Uint8Array,
    start: number,
    valueStart: number,
    end: number,
    neverIndexed: boolean,
  ): Field | null {
    const valueLength = decodedLength(bytes, valueStart, end, (bytes[start] as number) >= 0x80);
    if (valueLength < 0) return null;
    const length = end - start;
    const slab = this.#slabFor(length);
    const from = slab === this.#slab ? this.#slabUsed : 0;
    for (let i = 0; i < length; i++) slab[from + i] = bytes[start + i] as number;
    if (slab === this.#slab) this.#slabUsed += length;
    return new Field(name, slab, from, from + length, valueLength, isFieldValue(valueLength), 0, neverIndexed);
  }

  /**
   * Memory for a literal: its own, or behind `#slabUsed` of the shared one. An array for each field would cost more than
   * the bytes in it, and a look at a field two cache lines more.
   */
  #slabFor(length: number): Uint8Array {
    if (length > LONGEST_CACHED) return new Uint8Array(length);
    if (this.#slabUsed + length > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    return this.#slab;
  }
}

let plainLiteral = new Uint8Array(1024);

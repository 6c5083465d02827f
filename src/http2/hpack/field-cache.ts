import { decodedLength, Field, isFieldValue, literalHash } from './field.ts';
import { type HeaderName, sameBytes } from './header-name.ts';
import { INTEGER_BYTES, writeInteger } from './integer.ts';

/** Enough for 10,000 hot keys with few collisions; at some 250 bytes a field, 8 MB if every place is taken. */
const CACHE_SIZE = 32768;
/** A field may stand in this many places from its hash on. */
const WAYS = 4;
/** Longer values rarely come twice, and would make the cache's memory depend on what peers send. */
const LONGEST_CACHED = 256;

/**
 * The fields seen lately by this thread, found by their coded bytes. It is a cache of bounded size and nothing depends on
 * a field being in it: a peer that sends a million values evicts, and costs speed alone.
 */
export class FieldCache {
  readonly #places: Array<Field | null> = new Array(CACHE_SIZE).fill(null);
  #victim = 0;

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
    if (end - start > LONGEST_CACHED || neverIndexed) return read(name, bytes, start, valueStart, end, neverIndexed, 0);
    const hash = literalHash(name.length, bytes, start, end);
    const places = this.#places;
    let free = -1;
    for (let way = 0; way < WAYS; way++) {
      const place = (hash + way) & (CACHE_SIZE - 1);
      const known = places[place] as Field | null;
      if (known === null) {
        free = place;
        break;
      }
      if (known.hash === hash && known.name === name && sameBytes(known.literal, bytes, start, end)) return known;
    }
    const made = read(name, bytes, start, valueStart, end, false, hash);
    if (made === null) return null;
    if (free < 0) {
      this.#victim = (this.#victim + 1) & (WAYS - 1);
      free = (hash + this.#victim) & (CACHE_SIZE - 1);
    }
    places[free] = made;
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
}

let plainLiteral = new Uint8Array(1024);

function read(
  name: HeaderName,
  bytes: Uint8Array,
  start: number,
  valueStart: number,
  end: number,
  neverIndexed: boolean,
  hash: number,
): Field | null {
  const length = decodedLength(bytes, valueStart, end, (bytes[start] as number) >= 0x80);
  if (length < 0) return null;
  // `new Uint8Array(length)` keeps short ones inside V8's heap; `slice` of a Buffer would share its whole memory.
  const literal = new Uint8Array(end - start);
  for (let i = 0; i < literal.length; i++) literal[i] = bytes[start + i] as number;
  return new Field(name, literal, length, isFieldValue(length), 0, neverIndexed, hash);
}

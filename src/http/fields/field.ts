import { type HeaderName, headerName, stringLiteral } from './header-name.ts';
import { huffmanDecode } from './huffman.ts';
import { integerEnd, readInteger } from './integer.ts';
import { staticEntries } from './static-table.ts';
import { hasFormOf } from './value-syntax.ts';

/** An entry's size is its name's and value's length and this (RFC 7541, 4.1). */
const ENTRY_OVERHEAD = 32;
/** `Field.integer` has not been asked for. */
const UNREAD = -2;

/**
 * A header field as it came over the wire: the value still as the sender coded it, so that a proxy forwards the bytes
 * without decoding and coding them again. Equal fields that come in often are one object (see `FieldCache`), so that what
 * is found out about a field once need not be found out again: whether it is valid, where it stands in a peer's dynamic
 * table, and what the layer above makes of it (`memo`).
 */
export class Field {
  readonly name: HeaderName;
  /** Where the value stands as a string literal, length prefix and bytes: from `start` to `end` of what it shares with others. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The value's length once decoded. */
  readonly valueLength: number;
  /** Whether the value has only characters that a field value may have (RFC 9113, 8.2.1). */
  readonly valid: boolean;
  /** The entry of the static table that is exactly this field; 0 where there is none. */
  readonly staticIndex: number;
  /** RFC 7541, 6.2.3: to be sent on as a literal that is never indexed. */
  readonly neverIndexed: boolean;
  /** Its size in a dynamic table and in a header list. */
  readonly size: number;
  /** The most bytes that it takes in a header block. */
  readonly wireBound: number;
  /** A sender has referred to this field by an index, so that it is worth a place in the dynamic tables that we write. */
  recurring = false;
  /** What encoders find it by in their tables (see `FieldPlaces`); 0: it has never been in one. */
  id = 0;
  /** Where it stood in the ring of the table that it was last found in: connections of one kind have it at one place mostly. */
  lastPlace = 0;
  /** What the layer above found for this field, valid while `memoScope` is the object that it was found for. */
  memo: unknown = null;
  memoScope: unknown = null;
  #text: string | null = null;
  #integer = UNREAD;
  #wellFormed: boolean | null = null;

  constructor(
    name: HeaderName,
    bytes: Uint8Array,
    start: number,
    end: number,
    valueLength: number,
    valid: boolean,
    staticIndex: number,
    neverIndexed: boolean,
  ) {
    this.name = name;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.valueLength = valueLength;
    this.valid = valid;
    this.staticIndex = staticIndex;
    this.neverIndexed = neverIndexed;
    this.size = name.length + valueLength + ENTRY_OVERHEAD;
    this.wireBound = name.literal.length + (end - start) + ENTRY_OVERHEAD;
  }

  /** The value, a character for a byte (latin1, as Node has header values). */
  get text(): string {
    if (this.#text === null) {
      const bytes = new Uint8Array(this.valueLength);
      this.copyValue(bytes);
      this.#text = Buffer.from(bytes.buffer).toString('latin1');
    }
    return this.#text;
  }

  /** The value as a whole number of digits alone, at most 15 of them so that it is exact; -1 where it is none. */
  get integer(): number {
    if (this.#integer === UNREAD) this.#integer = /^[0-9]{1,15}$/.test(this.text) ? Number(this.text) : -1;
    return this.#integer;
  }

  /** Whether the value has the form that its name asks for (of a request's target, its method and Host; others have none). */
  get wellFormed(): boolean {
    this.#wellFormed ??= hasFormOf(this.name.kind, this.text);
    return this.#wellFormed;
  }

  /** The same value under another name; it is sent once, and takes no place in a dynamic table. */
  renamed(name: HeaderName): Field {
    return new Field(name, this.bytes, this.start, this.end, this.valueLength, this.valid, 0, this.neverIndexed);
  }

  /** Writes the value's bytes to the front of `into`, which has to have room for them; answers their number. */
  copyValue(into: Uint8Array): number {
    const { bytes } = this;
    const length = readInteger(bytes, this.start, this.end, 7);
    const start = integerEnd;
    // The decoder may write a byte past the value's end only where the input is not valid, and it was checked.
    if (this.#isHuffmanCoded) return huffmanDecode(bytes, start, start + length, into);
    for (let i = 0; i < length; i++) into[i] = bytes[start + i] as number;
    return length;
  }

  /** Writes the value's bytes to `at`, where `into` has to have room for them; answers the end. */
  writeValue(into: Uint8Array, at: number): number {
    if (this.#isHuffmanCoded) {
      if (this.valueLength >= scratch.length) scratch = new Uint8Array(this.valueLength * 2);
      const length = this.copyValue(scratch);
      for (let i = 0; i < length; i++) into[at + i] = scratch[i] as number;
      return at + length;
    }
    const { bytes, valueLength: length } = this;
    const start = this.end - length;
    for (let i = 0; i < length; i++) into[at + i] = bytes[start + i] as number;
    return at + length;
  }

  get #isHuffmanCoded(): boolean {
    return (this.bytes[this.start] as number) >= 0x80;
  }
}

let scratch = new Uint8Array(16384);

/** Decodes the string at bytes[start, end) into the scratch space; -1 where it is not valid. */
export function decodedLength(bytes: Uint8Array, start: number, end: number, huffman: boolean): number {
  const room = huffman ? (end - start) * 2 : end - start;
  if (room > scratch.length) scratch = new Uint8Array(room * 2);
  if (huffman) return huffmanDecode(bytes, start, end, scratch);
  scratch.set(bytes.subarray(start, end));
  return end - start;
}

/** Whether the first `length` bytes of the scratch space may be a field value: no NUL, CR, LF, no space at either end. */
export function isFieldValue(length: number): boolean {
  for (let i = 0; i < length; i++) {
    const byte = scratch[i] as number;
    if (byte < 0x20 ? byte !== 0x09 : byte === 0x7f) return false;
  }
  if (length === 0) return true;
  return !isBlank(scratch[0] as number) && !isBlank(scratch[length - 1] as number);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** FNV-1a over a literal, from the name's length on: enough to spread a cache. */
export function literalHash(nameLength: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ nameLength;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** The fields of the static table, by index; entry 0 is unused. */
export const staticFields: readonly Field[] = [
  makeField(headerName(':authority'), '', 0, false),
  ...staticEntries.map(({ name, value }, i) => makeField(headerName(name), value, i + 1, false)),
];

function makeField(name: HeaderName, value: string, staticIndex: number, neverIndexed: boolean): Field {
  const bytes = Buffer.from(value, 'latin1');
  const literal = stringLiteral(bytes);
  const length = decodedLength(bytes, 0, bytes.length, false);
  const made = new Field(name, literal, 0, literal.length, length, isFieldValue(length), staticIndex, neverIndexed);
  made.recurring = !neverIndexed;
  return made;
}

/**
 * A field of our own making, to be kept and sent many times: it is indexed at its first use.
 * @param value latin1 text
 */
export function field(name: string, value: string, options?: { readonly neverIndexed?: boolean }): Field {
  const known = staticEntries.findIndex((entry) => entry.name === name && entry.value === value);
  if (known >= 0) return staticFields[known + 1] as Field;
  return makeField(headerName(name), value, 0, options?.neverIndexed ?? false);
}

/** A field that is sent once, such as a message or a unique key: it takes no place in a dynamic table. */
export function transientField(name: string, value: string): Field {
  const made = makeField(headerName(name), value, 0, false);
  made.recurring = false;
  return made;
}

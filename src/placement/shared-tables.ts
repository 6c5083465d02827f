/**
 * What a finished placement is made of: numbers in memory that threads share. One thread builds it, and others use it
 * without building it again, or copying it.
 */
export type SharedTables = readonly Int32Array[];

/** Zeros, in memory that threads share. */
export function sharedWords(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

/** The same numbers without a sign. */
export function unsigned(words: Int32Array): Uint32Array {
  return new Uint32Array(words.buffer, words.byteOffset, words.length);
}

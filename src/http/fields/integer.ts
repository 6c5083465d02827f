/** Integers with a prefix, RFC 7541, 5.1. */

/** Where the last `readInteger` stopped. */
export let integerEnd = 0;

/** What a peer may reasonably send; beyond it RFC 7541, 5.1 has us treat the integer as an error. */
const LARGEST = 2 ** 28;

/**
 * Reads the integer whose prefix is the low `bits` of bytes[at].
 * @returns its value, or -1 where it is cut off or too large; then `integerEnd` is past it.
 */
export function readInteger(bytes: Uint8Array, at: number, end: number, bits: number): number {
  const mask = (1 << bits) - 1;
  let value = (bytes[at] as number) & mask;
  let next = at + 1;
  if (value === mask) {
    for (let shift = 0; ; shift += 7) {
      if (next >= end || shift > 28) return -1;
      const byte = bytes[next++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (value > LARGEST) return -1;
  }
  integerEnd = next;
  return value;
}

/** Writes `value` with `pattern` in the bits above the prefix; answers the end. */
export function writeInteger(value: number, bits: number, pattern: number, into: Uint8Array, at: number): number {
  const mask = (1 << bits) - 1;
  if (value < mask) {
    into[at] = pattern | value;
    return at + 1;
  }
  into[at] = pattern | mask;
  let rest = value - mask;
  let next = at + 1;
  for (; rest >= 0x80; rest >>>= 7) into[next++] = (rest & 0x7f) | 0x80;
  into[next++] = rest;
  return next;
}

/** The most bytes that `writeInteger` makes of anything that fits into 31 bits. */
export const INTEGER_BYTES = 6;

/**
 * 64-bit unsigned arithmetic on pairs of 32-bit halves. `BigInt` would be shorter, but it allocates on every operation,
 * and a look-up must not allocate. Results come back in the two registers `hi` and `lo` (signed 32-bit halves, so that V8
 * keeps them as small integers); read them before the next call.
 */
export let hi = 0;
export let lo = 0;

/** Sets the registers to the low 64 bits of a * b. */
export function multiply(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const a0 = aLo & 0xffff;
  const a1 = aLo >>> 16;
  const b0 = bLo & 0xffff;
  const b1 = bLo >>> 16;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16);
  const middle2 = a0 * b1 + (middle & 0xffff);
  const carry = a1 * b1 + (middle >>> 16) + (middle2 >>> 16);
  hi = (carry + Math.imul(aHi, bLo) + Math.imul(aLo, bHi)) | 0;
  lo = Math.imul(aLo, bLo);
}

/** Sets the registers to the low 64 bits of a + b. */
export function add(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const sum = (aLo >>> 0) + (bLo >>> 0);
  lo = sum | 0;
  hi = (aHi + bHi + (sum > 0xffffffff ? 1 : 0)) | 0;
}

/** Sets the registers to x rotated left by `bits`, 0 < bits < 32. */
export function rotateLeft(xHi: number, xLo: number, bits: number): void {
  hi = (xHi << bits) | (xLo >>> (32 - bits));
  lo = (xLo << bits) | (xHi >>> (32 - bits));
}

/** Sets the registers to x XOR (x >>> bits), 0 < bits < 64 (the "shift mix" of both hash families). */
export function shiftMix(xHi: number, xLo: number, bits: number): void {
  if (bits < 32) {
    lo = xLo ^ ((xLo >>> bits) | (xHi << (32 - bits)));
    hi = xHi ^ (xHi >>> bits);
  } else {
    lo = xLo ^ (bits === 32 ? xHi : xHi >>> (bits - 32));
    hi = xHi;
  }
}

/** A 64-bit hash as it is handed out: signed 32-bit halves. One object is reused by its owner, look-up after look-up. */
export interface Hash64 {
  hi: number;
  lo: number;
}

/** The hash as the unsigned number that people and Envoy's logs print. */
export function toBigInt(hash: Hash64): bigint {
  return (BigInt(hash.hi >>> 0) << 32n) | BigInt(hash.lo >>> 0);
}

/** hash mod `modulus`, exact for a modulus below 2^26 (Maglev tables end at 5,000,011). */
export function modulo(hash: Hash64, modulus: number): number {
  // (hi * 2^32 + lo) mod m; with m < 2^26 no product reaches 2^53, beyond which doubles lose integers.
  const high = ((hash.hi >>> 0) % modulus) * (0x100000000 % modulus);
  return ((high % modulus) + ((hash.lo >>> 0) % modulus)) % modulus;
}

/**
 * MurmurHash2 in its 64-bit form, as libstdc++'s std::hash<string> computes it: Envoy's other ring function
 * (`hash_function: MURMUR_HASH_2`), there for rings that must agree with libstdc++ programs.
 */
import { type Hash64, hi, lo, multiply, shiftMix } from './u64.ts';

const MULTIPLIER_HI = 0xc6a4a793 | 0;
const MULTIPLIER_LO = 0x5bd1e995 | 0;
/** libstdc++'s seed for std::hash, the one that Envoy passes. */
const STD_HASH_SEED = 0xc70f6907 | 0;

/** Up to eight little-endian bytes from `at`, into the two halves, then mixed into the accumulator. */
function load(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value |= (bytes[at + i] as number) << (8 * i);
  return value;
}

/** Hashes bytes[start, end) into `into`. Allocates nothing. */
export function murmurHash2(bytes: Uint8Array, start: number, end: number, into: Hash64): void {
  multiply(0, end - start, MULTIPLIER_HI, MULTIPLIER_LO);
  let accHi = hi;
  let accLo = STD_HASH_SEED ^ lo;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    multiply(load(bytes, at + 4, 4), load(bytes, at, 4), MULTIPLIER_HI, MULTIPLIER_LO);
    shiftMix(hi, lo, 47);
    multiply(hi, lo, MULTIPLIER_HI, MULTIPLIER_LO);
    multiply(accHi ^ hi, accLo ^ lo, MULTIPLIER_HI, MULTIPLIER_LO);
    accHi = hi;
    accLo = lo;
  }
  const rest = end - at;
  if (rest > 0) {
    accLo ^= load(bytes, at, Math.min(rest, 4));
    if (rest > 4) accHi ^= load(bytes, at + 4, rest - 4);
    multiply(accHi, accLo, MULTIPLIER_HI, MULTIPLIER_LO);
    accHi = hi;
    accLo = lo;
  }
  shiftMix(accHi, accLo, 47);
  multiply(hi, lo, MULTIPLIER_HI, MULTIPLIER_LO);
  shiftMix(hi, lo, 47);
  into.hi = hi;
  into.lo = lo;
}

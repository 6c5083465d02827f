/**
 * xxHash64 as published in the xxHash specification (doc/xxhash_spec.md, XXH64), the hash of Envoy's ring and Maglev
 * and of its header hash policy. Checked against the reference vectors in `xxhash64.spec.ts`.
 */
import { add, type Hash64, hi, lo, multiply, rotateLeft, shiftMix } from './u64.ts';

// The five primes of the specification, as halves.
const P1H = 0x9e3779b1 | 0;
const P1L = 0x85ebca87 | 0;
const P2H = 0xc2b2ae3d | 0;
const P2L = 0x27d4eb4f | 0;
const P3H = 0x165667b1 | 0;
const P3L = 0x9e3779f9 | 0;
const P4H = 0x85ebca77 | 0;
const P4L = 0xc2b2ae63 | 0;
const P5H = 0x27d4eb2f | 0;
const P5L = 0x165667c5 | 0;

function read32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** acc' = rotl(acc + lane * P2, 31) * P1 */
function round(accHi: number, accLo: number, laneHi: number, laneLo: number): void {
  multiply(laneHi, laneLo, P2H, P2L);
  add(hi, lo, accHi, accLo);
  rotateLeft(hi, lo, 31);
  multiply(hi, lo, P1H, P1L);
}

/** acc' = (acc XOR round(0, value)) * P1 + P4 */
function mergeRound(accHi: number, accLo: number, valueHi: number, valueLo: number): void {
  round(0, 0, valueHi, valueLo);
  multiply(accHi ^ hi, accLo ^ lo, P1H, P1L);
  add(hi, lo, P4H, P4L);
}

// The four accumulators of inputs of 32 bytes and more: hi and lo halves in turn. Kept here so that a call allocates nothing.
const lanes = new Int32Array(8);

/** Consumes the 32-byte stripes and leaves the converged accumulator in the registers; answers where it stopped. */
function stripes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  add(P1H, P1L, P2H, P2L);
  add(hi, lo, 0, seed);
  lanes[0] = hi;
  lanes[1] = lo;
  add(P2H, P2L, 0, seed);
  lanes[2] = hi;
  lanes[3] = lo;
  lanes[4] = 0;
  lanes[5] = seed;
  multiply(P1H, P1L, -1, -1);
  add(hi, lo, 0, seed);
  lanes[6] = hi;
  lanes[7] = lo;
  let at = start;
  for (; at + 32 <= end; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      const from = at + lane * 8;
      round(lanes[lane * 2] as number, lanes[lane * 2 + 1] as number, read32(bytes, from + 4), read32(bytes, from));
      lanes[lane * 2] = hi;
      lanes[lane * 2 + 1] = lo;
    }
  }
  converge();
  return at;
}

function converge(): void {
  let sumHi = 0;
  let sumLo = 0;
  const rotations = [1, 7, 12, 18] as const;
  for (let lane = 0; lane < 4; lane++) {
    rotateLeft(lanes[lane * 2] as number, lanes[lane * 2 + 1] as number, rotations[lane] as number);
    add(hi, lo, sumHi, sumLo);
    sumHi = hi;
    sumLo = lo;
  }
  for (let lane = 0; lane < 4; lane++) {
    mergeRound(sumHi, sumLo, lanes[lane * 2] as number, lanes[lane * 2 + 1] as number);
    sumHi = hi;
    sumLo = lo;
  }
  add(sumHi, sumLo, 0, 0);
}

/**
 * Hashes bytes[start, end) into `into`. Allocates nothing.
 * @param seed an unsigned 32-bit seed; Envoy uses 0, and 1 for Maglev's skip.
 */
export function xxHash64(bytes: Uint8Array, start: number, end: number, seed: number, into: Hash64): void {
  const length = end - start;
  let at = start;
  if (length >= 32) at = stripes(bytes, start, end, seed);
  else add(P5H, P5L, 0, seed);
  add(hi, lo, 0, length);
  let accHi = hi;
  let accLo = lo;
  for (; at + 8 <= end; at += 8) {
    round(0, 0, read32(bytes, at + 4), read32(bytes, at));
    rotateLeft(accHi ^ hi, accLo ^ lo, 27);
    multiply(hi, lo, P1H, P1L);
    add(hi, lo, P4H, P4L);
    accHi = hi;
    accLo = lo;
  }
  if (at + 4 <= end) {
    multiply(0, read32(bytes, at), P1H, P1L);
    rotateLeft(accHi ^ hi, accLo ^ lo, 23);
    multiply(hi, lo, P2H, P2L);
    add(hi, lo, P3H, P3L);
    accHi = hi;
    accLo = lo;
    at += 4;
  }
  for (; at < end; at++) {
    multiply(0, bytes[at] as number, P5H, P5L);
    rotateLeft(accHi ^ hi, accLo ^ lo, 11);
    multiply(hi, lo, P1H, P1L);
    accHi = hi;
    accLo = lo;
  }
  shiftMix(accHi, accLo, 33);
  multiply(hi, lo, P2H, P2L);
  shiftMix(hi, lo, 29);
  multiply(hi, lo, P3H, P3L);
  shiftMix(hi, lo, 32);
  into.hi = hi;
  into.lo = lo;
}

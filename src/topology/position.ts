import { type Hash64, positionHash } from '../placement/index.ts';

/** Positions are whole 32-bit words out of this many, so that a number holds each exactly. */
const POSITIONS = 2 ** 32;
const hash: Hash64 = { hi: 0, lo: 0 };

/**
 * The place of key[start, end) in the order in which keys move when a change goes in waves: from 0 to below 1. It has a hash of its
 * own: whatever moves by a placement is spread evenly over it, and it is the same for every placement. Allocates nothing.
 */
export function position(key: Uint8Array, start: number, end: number): number {
  positionHash(key, start, end, hash);
  return (hash.hi >>> 0) / POSITIONS;
}

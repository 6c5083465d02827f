import type { Hash64 } from './u64.ts';
import { xxHash64 } from './xxhash64.ts';

/** "wave" in ASCII: placements hash keys with other seeds, so that this hash says nothing about their owners. */
const SEED = 0x77617665;

/** The hash by which keys are ordered when a change moves them in waves. */
export function positionHash(bytes: Uint8Array, start: number, end: number, into: Hash64): void {
  xxHash64(bytes, start, end, SEED, into);
}

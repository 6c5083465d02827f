/** Placement: the pure functions from key to owner. Imports nothing of ours; to add one, write a file and list it here. */
import { fixedRing } from './fixed-ring/fixed-ring.ts';
import { ketama } from './ketama/ketama.ts';
import { maglev } from './maglev/maglev.ts';
import { ringHash } from './ring-hash/ring-hash.ts';
import { slots } from './slots/slots.ts';

export const placements = { ringHash, maglev, fixedRing, ketama, slots } as const;

export type PlacementName = keyof typeof placements;

export { type Hash64, toBigInt } from './hash/u64.ts';
export { MAXIMUM_TABLE_SIZE } from './maglev/maglev.ts';
export { isPrime, nextPrime } from './maglev/primes.ts';
export type { Partition } from './partition.ts';
export { keyBytes, type Member, type Placement } from './placement.ts';
export { MAXIMUM_RING_SIZE } from './ring-hash/ring-hash.ts';
export type { SharedTables } from './shared-tables.ts';
export { SLOT_COUNT } from './slots/slots.ts';

/** Placement: the pure functions from key to owner. Imports nothing of ours; to add one, write a folder and list it in `kinds.ts`. */

export { positionHash } from './hash/position-hash.ts';
export { type Hash64, toBigInt } from './hash/u64.ts';
export { type PlacementName, placementKinds, placements } from './kinds.ts';
export type { Partition } from './partition.ts';
export { keyBytes, type Member, type Placement, type PlacementKind } from './placement.ts';
export type { SharedTables } from './shared-tables.ts';
export { SLOT_COUNT, slotOf } from './slots/slots.ts';

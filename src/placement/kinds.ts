import { fixedRing } from './fixed-ring/fixed-ring.ts';
import { ketama } from './ketama/ketama.ts';
import { maglev } from './maglev/maglev.ts';
import type { PlacementKind } from './placement.ts';
import { ringHash } from './ring-hash/ring-hash.ts';
import { slots } from './slots/slots.ts';

/** All placements, by the names that documents have for them. */
export const placements = { ringHash, maglev, fixedRing, ketama, slots } as const;

export type PlacementName = keyof typeof placements;

/** Every placement in the order of the list, seen as one of many: for code that has its name and options from a document. */
export const placementKinds: Readonly<Record<PlacementName, PlacementKind>> = placements;

import { z } from 'zod';

/** With 256 entries a member's share stays within about 6% (one standard deviation, 1/sqrt(256)) of its due. */
export const DEFAULT_ENTRIES_PER_WEIGHT = 256;

export const fixedRingOptions = z.strictObject({
  entriesPerWeight: z
    .int()
    .min(1)
    .max(65536)
    .default(DEFAULT_ENTRIES_PER_WEIGHT)
    .describe('Entries per unit of weight.'),
});

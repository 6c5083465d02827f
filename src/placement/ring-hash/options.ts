import { z } from 'zod';

/** Envoy's defaults and its upper bound of 8M entries. */
export const DEFAULT_MINIMUM_RING_SIZE = 1024;
export const MAXIMUM_RING_SIZE = 8 * 1024 * 1024;

const entries = z.int().min(1).max(MAXIMUM_RING_SIZE);

export const ringHashOptions = z
  .strictObject({
    minimumRingSize: entries.default(DEFAULT_MINIMUM_RING_SIZE).describe('The minimum number of entries on the ring.'),
    maximumRingSize: entries.default(MAXIMUM_RING_SIZE).describe('The maximum number of entries.'),
    hashFunction: z
      .enum(['xxHash64', 'murmurHash2'])
      .default('xxHash64')
      .describe('The hash function that places shards on the ring.'),
  })
  .superRefine((ring, context) => {
    if (ring.minimumRingSize > ring.maximumRingSize)
      context.addIssue({
        code: 'custom',
        path: ['minimumRingSize'],
        message: `${ring.minimumRingSize} is more than maximumRingSize, ${ring.maximumRingSize}`,
      });
  });

import { z } from 'zod';
import { isPrime, nextPrime } from './primes.ts';

/** Envoy's default, and its bound on what a table may hold. */
export const DEFAULT_TABLE_SIZE = 65537;
const MAXIMUM_TABLE_SIZE = 5_000_011;

export const maglevOptions = z.strictObject({
  tableSize: z
    .int()
    .min(2)
    .max(MAXIMUM_TABLE_SIZE)
    .superRefine((size, context) => {
      if (!isPrime(size)) context.addIssue(`${size} is not a prime number; the next one is ${nextPrime(size)}`);
    })
    .default(DEFAULT_TABLE_SIZE)
    .describe('The number of slots in the table: a prime number, about a hundred times the number of shards.'),
});

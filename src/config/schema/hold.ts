import { z } from 'zod';
import { defaultHold } from '../../proxy/index.ts';
import { count, positiveDuration } from './values.ts';

export const hold = z
  .strictObject({
    requests: count(10_000_000).default(defaultHold.requests).describe('Requests; of each worker.'),
    bytes: count(2 ** 40)
      .default(defaultHold.bytes)
      .describe('Bytes of their content; of each worker.'),
    waitMs: positiveDuration.default(defaultHold.waitMs).describe('No request waits for longer at a time.'),
  })
  .describe('How much may wait while keys are handed over from one shard to another. Beyond it: 503, UNAVAILABLE.');

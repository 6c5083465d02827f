import { z } from 'zod';
import { defaultHold } from '../../proxy/index.ts';
import { formatDuration, formatSize } from '../../runtime/quantity.ts';
import { count, duration, size } from './values.ts';

export const hold = z
  .strictObject({
    requests: count(10_000_000).default(defaultHold.requests).describe('Requests; of each worker.'),
    bytes: size({ least: 1, most: 2 ** 40 })
      .prefault(formatSize(defaultHold.bytes))
      .describe('Size of their content; of each worker.'),
    wait: duration({ least: 1 })
      .prefault(formatDuration(defaultHold.waitMs))
      .describe('No request waits for longer at a time.'),
  })
  .describe('How much may wait while keys are handed over from one shard to another. Beyond it: 503, UNAVAILABLE.');

import { z } from 'zod';
import { defaultHold } from '../../proxy/index.ts';
import { formatDuration, formatSize } from '../../runtime/quantity.ts';
import { count, duration, size } from './values.ts';

export const hold = z
  .strictObject({
    requests: count(10_000_000)
      .default(defaultHold.requests)
      .describe(
        'How many requests may wait in each worker. Those for a dead shard have room for a quarter as many besides.',
      ),
    bytes: size({ least: 1, most: 2 ** 40 })
      .prefault(formatSize(defaultHold.bytes))
      .describe('The size of their content in each worker.'),
    wait: duration({ least: 1 })
      .prefault(formatDuration(defaultHold.waitMs))
      .describe('The longest that a request waits at a time.'),
  })
  .describe('How much may wait while keys are handed over from one shard to another. Beyond that: 503, UNAVAILABLE.');

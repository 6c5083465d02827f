import { z } from 'zod';
import { defaultDrain } from '../../proxy/index.ts';
import { formatDuration } from '../../runtime/quantity.ts';
import { count, duration } from './values.ts';

export const drain = z
  .strictObject({
    window: duration()
      .prefault(formatDuration(defaultDrain.windowMs))
      .describe('They end within this time, spread evenly.'),
    ratePerSecond: count(1_000_000)
      .default(defaultDrain.ratePerSecond)
      .describe('No more of them in a second, even where the window is longer for it; of each worker.'),
    grace: duration()
      .prefault(formatDuration(defaultDrain.graceMs))
      .describe('A stream that cannot end, because a message is under way, is reset after this time.'),
    longLivedAfter: duration()
      .prefault(formatDuration(defaultDrain.longLivedAfterMs))
      .describe('A call that no route names in watch counts as one that stays open after this time.'),
    pushback: duration()
      .prefault(formatDuration(defaultDrain.pushbackMs))
      .describe('Clients are told to come back after a random time up to this one (grpc-retry-pushback-ms).'),
  })
  .describe('How streams that stay open end when their keys have moved, or their shard goes away.');

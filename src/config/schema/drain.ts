import { z } from 'zod';
import { defaultDrain } from '../../proxy/index.ts';
import { formatDuration } from '../../runtime/quantity.ts';
import { count, duration } from './values.ts';

export const drain = z
  .strictObject({
    window: duration()
      .prefault(formatDuration(defaultDrain.windowMs))
      .describe(
        'Streams that leave without a handoff, as after a reload, end within this time, spread evenly, all of a key at once.',
      ),
    ratePerSecond: count(1_000_000)
      .default(defaultDrain.ratePerSecond)
      .describe('The most streams that end per second in each worker, even if the window has to be longer.'),
    grace: duration()
      .prefault(formatDuration(defaultDrain.graceMs))
      .describe('A stream that cannot end because it is in the middle of a message is reset after this time.'),
    longLivedAfter: duration()
      .prefault(formatDuration(defaultDrain.longLivedAfterMs))
      .describe('A call that no route lists in watch counts as a watch once it has been open for this time.'),
    pushback: duration()
      .prefault(formatDuration(defaultDrain.pushbackMs))
      .describe('Clients are asked to return after a random time up to this (grpc-retry-pushback-ms).'),
  })
  .describe('How watches end when their keys have moved, or when their shard goes away.');

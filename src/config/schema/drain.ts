import { z } from 'zod';
import { defaultDrain } from '../../proxy/index.ts';
import { count, duration } from './values.ts';

export const drain = z
  .strictObject({
    windowMs: duration.default(defaultDrain.windowMs).describe('Within so long they end, spread evenly.'),
    ratePerSecond: count(1_000_000)
      .default(defaultDrain.ratePerSecond)
      .describe('No more of them in a second, even where the window is longer for it; of each worker.'),
    graceMs: duration
      .default(defaultDrain.graceMs)
      .describe('One that cannot end, because a message is under way, is reset after so long.'),
    longLivedAfterMs: duration
      .default(defaultDrain.longLivedAfterMs)
      .describe('A call that no route names in watch is one that stays open once it is open for so long.'),
    pushbackMs: duration
      .default(defaultDrain.pushbackMs)
      .describe('Clients are told to come back after some time up to this (grpc-retry-pushback-ms).'),
  })
  .describe('How streams that stay open end when their keys have moved, or their shard goes away.');

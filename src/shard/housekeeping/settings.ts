import { z } from 'zod';
import { housekeepingSchema, taskSettingsSchema } from '../../housekeeping/index.ts';
import { duration } from '../../yaml/index.ts';

const LONGEST_MS = 365 * 24 * 3_600_000;

const compaction = taskSettingsSchema.extend({
  leastChanges: z
    .int()
    .min(2)
    .max(1_000_000)
    .default(1000)
    .describe('A document with fewer changes keeps all of them.'),
  keptChanges: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100)
    .describe('How many of the last changes stay, so that a watch can resume there.'),
});

const tombstones = taskSettingsSchema.extend({
  // By then any process that could still write with knowledge from before the deletion has lost its lease.
  after: duration({ least: 1000, most: LONGEST_MS })
    .prefault('24h')
    .describe('A document that was deleted this long ago is forgotten, with all of its changes.'),
});

const sessions = taskSettingsSchema.extend({
  idle: duration({ least: 1, most: LONGEST_MS })
    .prefault('1h')
    .describe('A session without a call for this long is ended.'),
});

/** The tasks of the reference shard; `false` leaves one out. */
const tasks = z.strictObject({
  compaction: z.union([z.literal(false), compaction]).prefault({}),
  tombstones: z.union([z.literal(false), tombstones]).prefault({}),
  sessions: z.union([z.literal(false), sessions]).prefault({}),
  expiry: z.union([z.literal(false), taskSettingsSchema]).prefault({}),
  optimize: z.union([z.literal(false), taskSettingsSchema]).prefault({ every: '1h' }),
});

/** The housekeeping of the reference shard, as a document has it. */
export const shardHousekeepingSchema = housekeepingSchema.extend({ tasks: tasks.prefault({}) });

export type ShardHousekeepingSettings = z.infer<typeof shardHousekeepingSchema>;

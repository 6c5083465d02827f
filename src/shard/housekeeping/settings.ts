import { z } from 'zod';
import { housekeepingSchema, taskSettingsSchema } from '../../housekeeping/index.ts';

const LONGEST_MS = 365 * 24 * 3_600_000;

const compaction = taskSettingsSchema.extend({
  leastChanges: z.int().min(2).max(1_000_000).default(1000).describe('A document with fewer changes keeps them all.'),
  keptChanges: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100)
    .describe('The last ones, which stay: a watch that comes back resumes there.'),
});

const tombstones = taskSettingsSchema.extend({
  afterMs: z
    .int()
    // Whoever could still write by what it knew before the deletion has lost its lease by then.
    .min(1000)
    .max(LONGEST_MS)
    .default(24 * 3_600_000)
    .describe('A document that was deleted so long ago is forgotten, with all of its changes.'),
});

const sessions = taskSettingsSchema.extend({
  idleMs: z.int().min(1).max(LONGEST_MS).default(3_600_000).describe('A session without a call for so long is ended.'),
});

/** The tasks of the reference shard; `false` leaves one out. */
const tasks = z.strictObject({
  compaction: z.union([z.literal(false), compaction]).prefault({}),
  tombstones: z.union([z.literal(false), tombstones]).prefault({}),
  sessions: z.union([z.literal(false), sessions]).prefault({}),
  expiry: z.union([z.literal(false), taskSettingsSchema]).prefault({}),
  optimize: z.union([z.literal(false), taskSettingsSchema]).prefault({ everyMs: 3_600_000 }),
});

/** The housekeeping of the reference shard, as a document has it. */
export const shardHousekeepingSchema = housekeepingSchema.extend({ tasks: tasks.prefault({}) });

export type ShardHousekeepingSettings = z.infer<typeof shardHousekeepingSchema>;

import { z } from 'zod';
import { formatDuration } from '../runtime/quantity.ts';
import { duration } from '../yaml/index.ts';
import { checkCron } from './schedule.ts';
import type { TaskSettings } from './task.ts';

const LONGEST_MS = 7 * 24 * 3_600_000;
/** A registry grants none that is longer. */
const LONGEST_LEASE_MS = 3_600_000;
const time = duration({ least: 1, most: LONGEST_MS });

/** What every task has, in a document; a task's own settings stand beside. */
export const taskSettingsSchema = z.strictObject({
  every: time.optional().describe('The task is carried out at least this often.'),
  jitter: z
    .number()
    .min(0)
    .max(0.9)
    .optional()
    .describe(
      'The largest share of every that is subtracted at random, so that not everything is due at the same moment.',
    ),
  cron: z
    .string()
    .superRefine((pattern, context) => {
      try {
        checkCron(pattern);
      } catch (error) {
        context.addIssue(`"${pattern}" is not a schedule: ${(error as Error).message.replace(/^CronPattern: /, '')}`);
      }
    })
    .optional()
    .describe('Instead of every: five fields, or six with seconds, in UTC.'),
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('The number of units for which one node carries the task out at once.'),
  timeLimit: time.optional().describe('A run that takes longer is ended.'),
  candidates: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('The most candidates that one run handles; the next run continues from there.'),
});

export type TaskSettingsDocument = z.infer<typeof taskSettingsSchema>;

/** Yorkie's, where a document says nothing else. */
const DEFAULT_EVERY_MS = 30_000;
const DEFAULT_JITTER = 0.1;
const DEFAULT_CANDIDATES = 2000;
const DEFAULT_CONCURRENCY = 8;
const DEFAULT_TIME_LIMIT_MS = 60_000;

/** A task's settings, of what a document says. */
export function taskSettings(document: TaskSettingsDocument): TaskSettings {
  const { every: everyMs = DEFAULT_EVERY_MS, jitter = DEFAULT_JITTER, cron } = document;
  return {
    schedule: cron === undefined ? { everyMs, jitter } : { cron },
    concurrency: document.concurrency ?? DEFAULT_CONCURRENCY,
    timeLimitMs: document.timeLimit ?? DEFAULT_TIME_LIMIT_MS,
    candidates: document.candidates ?? DEFAULT_CANDIDATES,
  };
}

/** Leaders' leases: Yorkie's. */
const lease = z
  .strictObject({
    length: duration({ least: 1, most: LONGEST_LEASE_MS })
      .prefault('15s')
      .describe('How long it takes until a lost leader is replaced.'),
    renew: time.prefault('5s').describe('How often a leader renews its lease.'),
    liveness: time
      .prefault('10s')
      .describe('A leader that could not renew its lease stops after this time, by its own clock.'),
  })
  .superRefine(({ length, renew, liveness }, context) => {
    if (renew * 2 > liveness)
      context.addIssue({
        code: 'custom',
        path: ['liveness'],
        message: `${formatDuration(liveness)} leaves no room for a failed renewal: write ${formatDuration(renew * 2)} or more, twice renew`,
      });
    if (liveness >= length)
      context.addIssue({
        code: 'custom',
        path: ['liveness'],
        message: `a leader has to stop before its lease ends: write less than length, ${formatDuration(length)}`,
      });
  })
  .transform(({ length, renew, liveness }) => ({ lengthMs: length, renewMs: renew, livenessMs: liveness }));

/** What a node's housekeeping has, its tasks apart. */
export const housekeepingSchema = z.strictObject({
  projectsBy: z
    .enum(['owner', 'leader'])
    .default('owner')
    .describe(
      "Which node carries out projects' tasks: the owner of the project's key, or the cluster's leader for all of them.",
    ),
  lease: lease.prefault({}).describe('How leaders are elected.'),
  projectsEvery: time.prefault('10s').describe('How often the list of projects is read.'),
});

export type HousekeepingSettings = z.infer<typeof housekeepingSchema>;

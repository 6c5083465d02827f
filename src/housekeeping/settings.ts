import { z } from 'zod';
import { checkCron } from './schedule.ts';
import type { TaskSettings } from './task.ts';

const LONGEST_MS = 7 * 24 * 3_600_000;
/** A registry grants none that is longer. */
const LONGEST_LEASE_MS = 3_600_000;
const ms = (what: string) => z.int().min(1).max(LONGEST_MS).describe(what);

/** What every task has, in a document; a task's own settings stand beside. */
export const taskSettingsSchema = z.strictObject({
  everyMs: ms('It is carried out at least this often.').optional(),
  jitter: z
    .number()
    .min(0)
    .max(0.9)
    .optional()
    .describe('The share of everyMs that is taken off by chance, so that not all is due in one instant.'),
  cron: z
    .string()
    .superRefine((pattern, context) => {
      try {
        checkCron(pattern);
      } catch (error) {
        context.addIssue(`"${pattern}" is no schedule: ${(error as Error).message.replace(/^CronPattern: /, '')}`);
      }
    })
    .optional()
    .describe('In place of everyMs: five fields, or six with seconds, in UTC.'),
  concurrency: z.int().min(1).max(1000).optional().describe('Units for which one node carries it out at once.'),
  timeLimitMs: ms('A run that takes longer is ended.').optional(),
  candidates: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('What one run looks at, at most; the next goes on from there.'),
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
  const { everyMs = DEFAULT_EVERY_MS, jitter = DEFAULT_JITTER, cron } = document;
  return {
    schedule: cron === undefined ? { everyMs, jitter } : { cron },
    concurrency: document.concurrency ?? DEFAULT_CONCURRENCY,
    timeLimitMs: document.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS,
    candidates: document.candidates ?? DEFAULT_CANDIDATES,
  };
}

/** Leaders' leases: Yorkie's. */
const lease = z
  .strictObject({
    lengthMs: ms('A leader that is gone is succeeded after so long.').max(LONGEST_LEASE_MS).default(15_000),
    renewMs: ms('How often a leader renews its lease.').default(5000),
    livenessMs: ms('A leader that could not renew its lease stops after so long, by its own clock.').default(10_000),
  })
  .superRefine(({ lengthMs, renewMs, livenessMs }, context) => {
    if (renewMs * 2 > livenessMs)
      context.addIssue({
        code: 'custom',
        path: ['livenessMs'],
        message: `${livenessMs} leaves no room for a renewal that fails: write ${renewMs * 2} or more, twice renewMs`,
      });
    if (livenessMs >= lengthMs)
      context.addIssue({
        code: 'custom',
        path: ['livenessMs'],
        message: `a leader has to stop before its lease ends: write less than lengthMs, ${lengthMs}`,
      });
  });

/** What a node's housekeeping has, its tasks apart. */
export const housekeepingSchema = z.strictObject({
  projectsBy: z
    .enum(['owner', 'leader'])
    .default('owner')
    .describe("Who carries out projects' tasks: the owner of the project's key, or the cluster's leader all of them."),
  lease: lease.prefault({}).describe('How leaders are elected.'),
  projectsEveryMs: ms('How often it is looked which projects there are.').default(10_000),
});

export type HousekeepingSettings = z.infer<typeof housekeepingSchema>;

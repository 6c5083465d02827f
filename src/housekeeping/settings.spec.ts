import { expect, it } from 'vitest';
import { housekeepingSchema, taskSettings, taskSettingsSchema } from './settings.ts';

const faults = (lease: object): string[] =>
  housekeepingSchema.safeParse({ lease }).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ??
  [];

it("uses Yorkie's times by default", () => {
  expect(housekeepingSchema.parse({})).toEqual({
    projectsBy: 'owner',
    lease: { lengthMs: 15_000, renewMs: 5000, livenessMs: 10_000 },
    projectsEvery: 10_000,
  });
  expect(taskSettings({})).toEqual({
    schedule: { everyMs: 30_000, jitter: 0.1 },
    concurrency: 8,
    timeLimitMs: 60_000,
    candidates: 2000,
  });
});

it('refuses leases by which a leader would stop too late, or for one lost renewal', () => {
  expect(faults({ liveness: '15s' })).toEqual([
    'lease.liveness: a leader has to stop before its lease ends: write less than length, 15s',
  ]);
  expect(faults({ renew: '6s' })).toEqual([
    'lease.liveness: 10s leaves no room for a failed renewal: write 12s or more, twice renew',
  ]);
});

it('refuses an invalid cron pattern, and says why', () => {
  const { error } = taskSettingsSchema.safeParse({ cron: 'daily' });
  expect(error?.issues[0]?.message).toMatch(/^"daily" is not a schedule: /);
  expect(taskSettings(taskSettingsSchema.parse({ cron: '0 3 * * *' })).schedule).toEqual({ cron: '0 3 * * *' });
});

import { Cron } from 'croner';

/** When a task is carried out again. */
export type Schedule =
  /** At least this often. A share `jitter` of it at most is taken off by chance, so that not all are due in one instant. */
  | { readonly everyMs: number; readonly jitter: number }
  /** By the clock, in UTC: five fields, or six with seconds. */
  | { readonly cron: string };

/** @throws Error what is wrong with it */
export function checkCron(pattern: string): void {
  if (new Cron(pattern, { timezone: 'UTC' }).nextRun() === null) throw new Error('it never occurs');
}

/**
 * When what began at a time has its next turn. Turns that were missed are caught up once: then it is now.
 * @param beganMs the time of day, as all times here
 */
export function nextTurn(schedule: Schedule, beganMs: number, nowMs: number, random: () => number): number {
  if ('cron' in schedule) return cronAfter(schedule.cron, nowMs);
  return Math.max(nowMs, beganMs + schedule.everyMs * (1 - schedule.jitter * random()));
}

/** The first turn of what was never carried out: within one interval, spread by chance. */
export function firstTurn(schedule: Schedule, nowMs: number, random: () => number): number {
  return 'cron' in schedule ? cronAfter(schedule.cron, nowMs) : nowMs + schedule.everyMs * random();
}

/** The first pause after a failure; each later one is twice as long. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;

/** When what has failed is tried again: later each time, and no later than it would have been due anyway. */
export function retryTurn(schedule: Schedule, failures: number, nowMs: number, random: () => number): number {
  const mostMs = 'cron' in schedule ? MAX_RETRY_MS : Math.min(MAX_RETRY_MS, schedule.everyMs);
  const pauseMs = Math.min(mostMs, FIRST_RETRY_MS * 2 ** (failures - 1));
  return nowMs + pauseMs * (0.5 + 0.5 * random());
}

function cronAfter(pattern: string, nowMs: number): number {
  // biome-ignore lint/style/noRestrictedGlobals: it converts a time that came from outside
  const next = new Cron(pattern, { timezone: 'UTC' }).nextRun(new Date(nowMs));
  return next?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** For people: `every 30 s`, or the pattern. */
export function scheduleText(schedule: Schedule): string {
  return 'cron' in schedule ? schedule.cron : `every ${schedule.everyMs / 1000} s`;
}

import { formatDuration } from '../../runtime/quantity.ts';
import type { Fields } from './fields.ts';

/** Browsers keep a preflight's answer for no longer (Firefox; others for less). */
const LONGEST_AGE_MS = 86_400_000;

/** How long a preflight's answer may be kept, in whole seconds; a policy with a longer time is reported. */
export function longestAge(policy: Fields, name: string, ms: number): string {
  if (ms > LONGEST_AGE_MS)
    policy.change(name, `${formatDuration(ms)} is reduced to one day: no browser caches the answer for longer`);
  return formatDuration(Math.min(Math.floor(ms / 1000) * 1000, LONGEST_AGE_MS));
}

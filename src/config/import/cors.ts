import type { Fields } from './fields.ts';

/** Browsers keep a preflight's answer for no longer (Firefox; others for less). */
const LONGEST_AGE_S = 86_400;

/** How long a preflight's answer may be kept; where a policy says longer, that is told. */
export function longestAge(policy: Fields, name: string, seconds: number): number {
  if (seconds > LONGEST_AGE_S) policy.change(name, `${seconds} s is made a day: no browser keeps it for longer`);
  return Math.min(Math.floor(seconds), LONGEST_AGE_S);
}

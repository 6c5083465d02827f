import type { Planted } from './planted/planted.ts';
import { type Outcome, simulate } from './simulate.ts';
import type { Told } from './world.ts';

/** Of what concerns the key alone the last is told. */
const LAST_OF_KEY = 25;

/** What happened in a run that broke a rule: time, who, and what; of the serves those of the key that it is about. */
export function storyOf(outcome: Outcome, planted: Planted | null): string {
  const { violation, plan } = outcome;
  const told: Told[] = [];
  simulate(plan, planted, (each) => told.push(each));
  const ofKey = told.filter(({ key }) => key !== null && key === violation?.key).slice(-LAST_OF_KEY);
  const shown = told.filter((each) => each.key === null || ofKey.includes(each));
  const lines = shown.map(({ atMs, who, what }) => line(atMs, who, what));
  if (violation !== null) lines.push(line(violation.atMs, 'BROKEN', `${violation.rule}: ${violation.what}`));
  return lines.join('\n');
}

function line(atMs: number, who: string, what: string): string {
  return `${(atMs / 1000).toFixed(4).padStart(9)} s  ${who.padEnd(8)}  ${what}`;
}

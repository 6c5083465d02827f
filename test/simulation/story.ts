import type { Planted } from './planted/planted.ts';
import { type Outcome, simulate } from './simulate.ts';
import type { StoryLine } from './world.ts';

/** How many lines that are about the key alone a story shows: the last ones. */
const LAST_OF_KEY = 25;

/** What happened in a run that broke a rule: time, who, and what; of the serves those of the key that it is about. */
export function storyOf(outcome: Outcome, planted: Planted | null): string {
  const { violation, plan } = outcome;
  const all: StoryLine[] = [];
  simulate(plan, planted, (each) => all.push(each));
  const ofKey = all.filter(({ key }) => key !== null && key === violation?.key).slice(-LAST_OF_KEY);
  const shown = all.filter((each) => each.key === null || ofKey.includes(each));
  const lines = shown.map(({ atMs, who, what }) => line(atMs, who, what));
  if (violation !== null) lines.push(line(violation.atMs, 'BROKEN', `${violation.rule}: ${violation.what}`));
  return lines.join('\n');
}

function line(atMs: number, who: string, what: string): string {
  return `${(atMs / 1000).toFixed(4).padStart(9)} s  ${who.padEnd(8)}  ${what}`;
}
